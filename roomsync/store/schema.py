"""The schema of the state file, and how files of older versions come to it."""

# Each entry takes a file from the version of its index to the next. Published entries are never changed.
MIGRATIONS = (
    """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, gateway_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, talker_id TEXT NOT NULL,
        name TEXT NOT NULL, kind TEXT NOT NULL, accepted REAL NOT NULL
    );
    CREATE TABLE parts (
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, part INTEGER NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (message_id, part)
    ) WITHOUT ROWID;
    CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, part INTEGER NOT NULL,
        room_id TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0,
        next_try REAL NOT NULL DEFAULT 0, error TEXT, changed REAL NOT NULL
    );
    CREATE INDEX deliveries_waiting ON deliveries (room_id, id) WHERE state = 'waiting';
    CREATE INDEX deliveries_message ON deliveries (message_id);
    """,
    """
    -- One call to the gateway; it may carry several text deliveries. sent_id: what the gateway calls it.
    CREATE TABLE sends (
        id INTEGER PRIMARY KEY AUTOINCREMENT, room_id TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
        at REAL NOT NULL, sent_id TEXT
    );
    CREATE INDEX sends_at ON sends (at); CREATE INDEX sends_room ON sends (room_id, at);
    CREATE INDEX sends_sent_id ON sends (sent_id) WHERE sent_id IS NOT NULL;
    -- The send that a delivery went with, or may have gone with.
    ALTER TABLE deliveries ADD COLUMN send_id INTEGER REFERENCES sends ON DELETE SET NULL;
    CREATE INDEX deliveries_send ON deliveries (send_id) WHERE send_id IS NOT NULL;
    CREATE INDEX deliveries_changed ON deliveries (changed); CREATE INDEX messages_accepted ON messages (accepted);
    -- Events that came and are not finished: asked for again after a crash. failed: given up, and counted.
    CREATE TABLE incoming (
        id INTEGER PRIMARY KEY AUTOINCREMENT, gateway_id TEXT NOT NULL UNIQUE, seen REAL NOT NULL,
        failed INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE rooms (room_id TEXT PRIMARY KEY, topic TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE status (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    -- The header of a text apart from its words, who is mentioned in it, and whether it only announces the next part.
    ALTER TABLE parts ADD COLUMN head TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN mention TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN caption INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX parts_head ON parts (head);
    -- How often a send was made, and how often the gateway showed it: a repeat may have two echoes.
    ALTER TABLE sends ADD COLUMN tries INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE sends ADD COLUMN echoes INTEGER NOT NULL DEFAULT 0;
    -- Recalls go ahead of what was said before them.
    ALTER TABLE deliveries ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
    DROP INDEX deliveries_waiting;
    CREATE INDEX deliveries_waiting ON deliveries (room_id, urgent DESC, id) WHERE state = 'waiting';
    """,
    """
    -- Calls that were made and whose send is forgotten, or was made again: they count for the pace.
    CREATE TABLE spent (at REAL NOT NULL, room_id TEXT NOT NULL, kind TEXT NOT NULL);
    CREATE INDEX spent_at ON spent (at);
    ALTER TABLE parts RENAME COLUMN head TO header;
    DROP INDEX parts_head; CREATE INDEX parts_header ON parts (header);
    -- Parts whose content is worth getting rid of before their message is forgotten.
    CREATE INDEX parts_heavy ON parts (message_id) WHERE length(body) > 4096;
    """,
    """
    -- Rooms get a key of our own, and the gateway's id stands here alone: some change it at each login.
    ALTER TABLE rooms RENAME TO old_rooms;
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY, gateway_id TEXT NOT NULL UNIQUE, topic TEXT,
        introduced_at REAL NOT NULL DEFAULT 0 -- when the bot last said there what it does
    );
    INSERT INTO rooms (gateway_id, topic) SELECT room_id, topic FROM old_rooms;
    INSERT OR IGNORE INTO rooms (gateway_id)
        SELECT room_id FROM messages UNION SELECT room_id FROM deliveries
        UNION SELECT room_id FROM sends UNION SELECT room_id FROM spent;
    UPDATE rooms SET introduced_at = coalesce(
        (SELECT CAST(value AS REAL) FROM status WHERE key = 'answered:' || gateway_id), 0);
    DROP TABLE old_rooms;

    CREATE TABLE new_messages (
        id INTEGER PRIMARY KEY, gateway_id TEXT UNIQUE, -- NULL: of the bot's own, or a recall
        room INTEGER NOT NULL REFERENCES rooms, talker_id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        accepted_at REAL NOT NULL,
        missed INTEGER NOT NULL DEFAULT 0 -- how many messages this one says that its room missed
    );
    INSERT INTO new_messages
        SELECT m.id,
            CASE WHEN m.kind IN ('notice', 'recalled') OR m.gateway_id LIKE 'answer:%' THEN NULL ELSE m.gateway_id END,
            r.id, CASE m.kind WHEN 'notice' THEN '' ELSE m.talker_id END, m.name,
            CASE m.kind WHEN 'notice' THEN 'system' ELSE m.kind END, m.accepted,
            CASE m.kind WHEN 'notice' THEN CAST(m.talker_id AS INTEGER) ELSE 0 END
        FROM messages AS m JOIN rooms AS r ON r.gateway_id = m.room_id;

    -- What was taken back. `recalled`: that message, if it was relayed.
    CREATE TABLE recalls (
        message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
        recalled_id TEXT NOT NULL, -- the gateway's id of it, which may come after its recall
        recalled INTEGER REFERENCES messages ON DELETE SET NULL
    );
    INSERT INTO recalls
        SELECT m.id, substr(m.gateway_id, 8), (
            SELECT o.id FROM messages AS o WHERE o.gateway_id = substr(m.gateway_id, 8) AND o.room_id = m.room_id)
        FROM messages AS m WHERE m.kind = 'recalled' AND m.gateway_id LIKE 'recall:%';
    CREATE INDEX recalls_recalled_id ON recalls (recalled_id);
    CREATE INDEX recalls_recalled ON recalls (recalled) WHERE recalled IS NOT NULL;

    CREATE TABLE new_sends (
        id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL REFERENCES rooms, kind TEXT NOT NULL,
        body TEXT NOT NULL, at REAL NOT NULL, sent_id TEXT, tries INTEGER NOT NULL DEFAULT 1,
        echoes INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO new_sends
        SELECT s.id, r.id, s.kind, s.body, s.at, s.sent_id, s.tries, s.echoes
        FROM sends AS s JOIN rooms AS r ON r.gateway_id = s.room_id;

    CREATE TABLE new_deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, part INTEGER NOT NULL,
        room INTEGER NOT NULL REFERENCES rooms, state TEXT NOT NULL DEFAULT 'waiting',
        priority INTEGER NOT NULL DEFAULT 0, -- the higher go first
        attempts INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL DEFAULT 0,
        error TEXT, -- what the last attempt failed with
        reason TEXT, -- why it was cancelled
        send_id INTEGER REFERENCES sends ON DELETE SET NULL,
        recalled_send INTEGER REFERENCES sends ON DELETE SET NULL, -- of a recall: the send to take back
        changed REAL NOT NULL
    );
    INSERT INTO new_deliveries
        SELECT d.id, d.message_id, d.part, r.id,
            CASE WHEN d.state = 'sent' AND d.send_id IS NULL AND p.caption THEN 'omitted' ELSE d.state END,
            max(d.urgent, 0), d.attempts, CASE WHEN d.urgent < 0 THEN 0 ELSE d.next_try END,
            CASE d.state WHEN 'cancelled' THEN NULL ELSE d.error END, NULL,
            (SELECT s.id FROM sends AS s WHERE s.id = d.send_id),
            CASE p.kind WHEN 'recalled' THEN (
                SELECT s.id FROM sends AS s WHERE s.id = json_extract(p.body, '$.send')) END, d.changed
        FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id JOIN rooms AS r ON r.gateway_id = d.room_id
        LEFT JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part;

    -- The body of a recall: the line for a room in which the message cannot be taken back.
    UPDATE parts SET body = CASE json_extract(body, '$.announce')
        WHEN 1 THEN rtrim(header, ' 　:：') || ' 撤回了一条消息' ELSE '' END WHERE kind = 'recalled';

    CREATE TABLE call_log (at REAL NOT NULL, room INTEGER NOT NULL REFERENCES rooms, kind TEXT NOT NULL);
    INSERT INTO call_log SELECT c.at, r.id, c.kind FROM spent AS c JOIN rooms AS r ON r.gateway_id = c.room_id;

    -- Accounts whose last text in a room began with a header of the community: other relays.
    CREATE TABLE peers (
        talker_id TEXT NOT NULL, room INTEGER NOT NULL REFERENCES rooms, relayed_at REAL NOT NULL,
        PRIMARY KEY (talker_id, room)
    ) WITHOUT ROWID;
    INSERT INTO peers
        SELECT substr(s.key, 7, length(s.key) - 7 - length(r.gateway_id)), r.id, CAST(s.value AS REAL)
        FROM status AS s JOIN rooms AS r ON s.key GLOB 'relay:*'
        AND substr(s.key, -length(r.gateway_id) - 1) = ':' || r.gateway_id;

    -- How the bot is doing, for `--status`: one row.
    CREATE TABLE health (
        id INTEGER PRIMARY KEY CHECK (id = 1), phase TEXT NOT NULL DEFAULT 'disconnected', since REAL,
        last_event REAL, cooldown_until REAL NOT NULL DEFAULT 0, cooldown_length REAL NOT NULL DEFAULT 0
    );
    INSERT INTO health VALUES (1, 'disconnected',
        (SELECT CAST(value AS REAL) FROM status WHERE key = 'since'),
        (SELECT CAST(value AS REAL) FROM status WHERE key = 'last_event'),
        coalesce((SELECT CAST(value AS REAL) FROM status WHERE key = 'cooldown_until'), 0),
        coalesce((SELECT CAST(value AS REAL) FROM status WHERE key = 'cooldown_length'), 0));

    DROP TABLE deliveries; DROP TABLE sends; DROP TABLE messages; DROP TABLE spent; DROP TABLE status;
    ALTER TABLE new_messages RENAME TO messages; ALTER TABLE new_sends RENAME TO sends;
    ALTER TABLE new_deliveries RENAME TO deliveries;
    CREATE INDEX messages_accepted ON messages (accepted_at);
    CREATE INDEX sends_at ON sends (at); CREATE INDEX sends_room ON sends (room, at);
    CREATE INDEX sends_sent_id ON sends (sent_id) WHERE sent_id IS NOT NULL;
    CREATE INDEX deliveries_waiting ON deliveries (room, priority DESC, id) WHERE state = 'waiting';
    CREATE INDEX deliveries_message ON deliveries (message_id);
    CREATE INDEX deliveries_send ON deliveries (send_id) WHERE send_id IS NOT NULL;
    CREATE INDEX deliveries_recalled_send ON deliveries (recalled_send) WHERE recalled_send IS NOT NULL;
    CREATE INDEX deliveries_changed ON deliveries (changed); CREATE INDEX call_log_at ON call_log (at);
    """,
    """
    -- When the bot last wrote here at all; how far its clock was ahead of the machine's then; and when the last outage
    -- of the state file ended, with its length.
    CREATE INDEX deliveries_passed ON deliveries (next_try) WHERE state = 'waiting' AND priority < 0;
    ALTER TABLE health ADD COLUMN written_at REAL;
    ALTER TABLE health ADD COLUMN clock_ahead REAL NOT NULL DEFAULT 0;
    ALTER TABLE health ADD COLUMN outage_ended_at REAL;
    ALTER TABLE health ADD COLUMN outage_length REAL NOT NULL DEFAULT 0;
    """,
    """
    -- The room where it was said: order is owed to what one room said in another, and to nothing else.
    ALTER TABLE deliveries ADD COLUMN source INTEGER NOT NULL DEFAULT 0;
    UPDATE deliveries SET source = coalesce((SELECT room FROM messages WHERE id = message_id), 0);
    CREATE INDEX deliveries_by_source ON deliveries (room, source, priority DESC, id) WHERE state = 'waiting';
    -- The first versions did not mark captions.
    UPDATE parts SET caption = 1 WHERE kind = 'text' AND EXISTS (
        SELECT 1 FROM parts AS p WHERE p.message_id = parts.message_id AND p.part = parts.part + 1
        AND p.kind <> 'text' AND p.kind <> 'recalled');
    -- Of a reply: what it quotes, and the line that says so where the gateway cannot quote.
    ALTER TABLE parts ADD COLUMN quoted INTEGER REFERENCES messages ON DELETE SET NULL;
    ALTER TABLE parts ADD COLUMN quote_line TEXT NOT NULL DEFAULT '';
    CREATE INDEX parts_quoted ON parts (quoted) WHERE quoted IS NOT NULL;
    -- The last event of the account that is committed, as the gateway numbers them: one row, or none.
    CREATE TABLE cursor (id INTEGER PRIMARY KEY CHECK (id = 1), account_id TEXT NOT NULL, seq INTEGER NOT NULL);
    -- What WeChat's question for a verify code is called; empty while it asks for none.
    ALTER TABLE health ADD COLUMN verify_id TEXT NOT NULL DEFAULT '';
    """,
    """
    -- `--status` counts a day's deliveries in indexes alone, so that a million take a tenth of a second. One that waits
    -- is in none of these: they cost nothing when a message is accepted.
    DROP INDEX deliveries_changed;
    CREATE INDEX deliveries_settled ON deliveries (room, state, changed) WHERE state NOT IN ('waiting', 'sending');
    CREATE INDEX deliveries_sending ON deliveries (room, changed) WHERE state = 'sending';
    CREATE INDEX deliveries_with_error ON deliveries (room, changed) WHERE error IS NOT NULL;
    """,
    """
    -- What waits stands in one index, and few of it in another one: those that go out of their turn. What was sent when
    -- is looked up room by room.
    DROP INDEX deliveries_waiting; DROP INDEX deliveries_passed; DROP INDEX sends_at;
    CREATE INDEX deliveries_out_of_turn ON deliveries (room, priority DESC, id)
        WHERE state = 'waiting' AND priority <> 0;
    """,
    """
    -- How a room takes part in its community; NULL: nothing was decided about it yet.
    ALTER TABLE rooms ADD COLUMN mode TEXT;
    UPDATE rooms SET mode = 'normal' WHERE topic IS NOT NULL;
    -- Who may command the bot. A contact id counts for the account that knew it: some gateways change both at a login.
    CREATE TABLE staff (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account_id TEXT NOT NULL, contact_id TEXT NOT NULL, name TEXT NOT NULL,
        added_at REAL NOT NULL, UNIQUE (account_id, contact_id)
    );
    -- The room where staff is heard, by the name that was looked for, and the code that lists the first one: one row.
    CREATE TABLE desk (
        id INTEGER PRIMARY KEY CHECK (id = 1), room_name TEXT NOT NULL DEFAULT '', room_id TEXT NOT NULL DEFAULT '',
        claim_code TEXT NOT NULL DEFAULT '', claim_until REAL -- NULL: it has no end
    );
    INSERT INTO desk (id) VALUES (1);
    -- What staff did, where (empty: on the machine), and what takes it back (JSON; NULL: nothing does).
    CREATE TABLE actions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, contact_id TEXT NOT NULL, name TEXT NOT NULL,
        place TEXT NOT NULL, what TEXT NOT NULL, undo TEXT, undone_at REAL, undone_by TEXT NOT NULL DEFAULT ''
    );
    -- Members whose words are relayed nowhere. `until` is NULL: for good.
    CREATE TABLE mutes (
        contact_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, name TEXT NOT NULL, until REAL, action_id INTEGER
    ) WITHOUT ROWID;
    -- Communities to which nothing is sent (empty: all). `until` is NULL: until somebody says so.
    CREATE TABLE pauses (
        community TEXT PRIMARY KEY, until REAL, since REAL NOT NULL, reminded_at REAL NOT NULL
    ) WITHOUT ROWID;
    -- Announcements on their way: what they are made of (JSON: a list of kind and body), for which community (empty:
    -- all), and how far they are.
    CREATE TABLE drafts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, contact_id TEXT NOT NULL, place TEXT NOT NULL, community TEXT NOT NULL,
        state TEXT NOT NULL, parts TEXT NOT NULL, changed REAL NOT NULL
    );
    -- Commands from the machine, to be carried out until then by its clock. `succeeded` is NULL without an answer.
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT, until REAL NOT NULL, command TEXT NOT NULL, confirmed INTEGER NOT NULL,
        answer TEXT NOT NULL DEFAULT '', succeeded INTEGER
    );
    """,
    """
    -- How messages are judged: one row. `mode` is what staff, or the breaker, chose while MODERATION was `setting`.
    CREATE TABLE moderation (
        id INTEGER PRIMARY KEY CHECK (id = 1), mode TEXT, setting TEXT NOT NULL DEFAULT '',
        owner TEXT NOT NULL, -- what the samples of this file are called in a base that several bots share
        failures INTEGER NOT NULL DEFAULT 0, failed_at REAL, -- checks that failed or were slow
        tripped_at REAL -- when the breaker acted, until staff is told
    );
    INSERT INTO moderation (id, owner) VALUES (1, lower(hex(randomblob(8))));
    -- Messages for which there were reasons (JSON, a list of texts), with what is needed to send them later. `quote`:
    -- JSON; `code`: what stands in a QR code.
    CREATE TABLE held (
        message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, state TEXT NOT NULL,
        reasons TEXT NOT NULL, text TEXT NOT NULL, content TEXT, quote TEXT, code TEXT NOT NULL, changed REAL NOT NULL,
        reported INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX held_waiting ON held (message_id) WHERE state = 'held';
    CREATE INDEX held_unreported ON held (message_id) WHERE reported = 0;
    CREATE INDEX held_heavy ON held (message_id) WHERE length(content) > 4096;
    -- Words that keep a message back, and hosts to which links are allowed.
    CREATE TABLE rules (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, at REAL NOT NULL, UNIQUE (kind, text)
    );
    -- Adverts: their words, or what stands in their QR codes.
    CREATE TABLE samples (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, text TEXT NOT NULL, origin TEXT NOT NULL,
        teacher TEXT NOT NULL, at REAL NOT NULL, UNIQUE (kind, text)
    );
    -- What speaks for a member.
    CREATE TABLE trust (
        account_id TEXT NOT NULL, contact_id TEXT NOT NULL, name TEXT NOT NULL, texts INTEGER NOT NULL,
        days INTEGER NOT NULL, last_day TEXT NOT NULL, is_granted INTEGER NOT NULL, PRIMARY KEY (account_id, contact_id)
    ) WITHOUT ROWID;
    -- What members said in the last minutes: what is compared of it.
    CREATE TABLE lately (
        message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, talker_id TEXT NOT NULL,
        community TEXT NOT NULL, form TEXT NOT NULL, at REAL NOT NULL
    );
    CREATE INDEX lately_talker ON lately (talker_id, at); CREATE INDEX lately_at ON lately (at);
    """,
    """
    -- Since when the bot is not in the room any more; NULL while it is. What is of before is found at the next login.
    ALTER TABLE rooms ADD COLUMN left_at REAL;
    """,
)
