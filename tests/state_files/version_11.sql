PRAGMA auto_vacuum = INCREMENTAL;
BEGIN TRANSACTION;
CREATE TABLE actions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, contact_id TEXT NOT NULL, name TEXT NOT NULL,
        place TEXT NOT NULL, what TEXT NOT NULL, undo TEXT, undone_at REAL, undone_by TEXT NOT NULL DEFAULT ''
    );
CREATE TABLE call_log (at REAL NOT NULL, room INTEGER NOT NULL REFERENCES rooms, kind TEXT NOT NULL);
INSERT INTO "call_log" VALUES(1000001.0,2,'text');
CREATE TABLE cursor (id INTEGER PRIMARY KEY CHECK (id = 1), account_id TEXT NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE "deliveries" (
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
    , source INTEGER NOT NULL DEFAULT 0);
INSERT INTO "deliveries" VALUES(1,1,0,3,'expired',0,0,0.0,NULL,NULL,NULL,NULL,1000000.0,1);
INSERT INTO "deliveries" VALUES(2,2,0,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000000.0,3);
INSERT INTO "deliveries" VALUES(3,3,0,2,'sent',0,0,1000001.0,NULL,NULL,2,NULL,1000102.0,1);
INSERT INTO "deliveries" VALUES(4,3,0,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000001.0,1);
INSERT INTO "deliveries" VALUES(5,4,0,2,'sent',0,0,0.0,NULL,NULL,3,NULL,1000104.0,1);
INSERT INTO "deliveries" VALUES(6,4,0,3,'cancelled',0,0,0.0,NULL,'recalled',NULL,NULL,1000110.0,1);
INSERT INTO "deliveries" VALUES(7,5,0,1,'sent',0,0,0.0,NULL,NULL,4,NULL,1000105.0,1);
INSERT INTO "deliveries" VALUES(8,6,0,2,'waiting',0,1,1000700.0,'the gateway refused it',NULL,5,NULL,1000107.0,1);
INSERT INTO "deliveries" VALUES(9,6,0,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000106.0,1);
INSERT INTO "deliveries" VALUES(10,7,0,2,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000108.0,1);
INSERT INTO "deliveries" VALUES(11,8,0,2,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000108.0,1);
INSERT INTO "deliveries" VALUES(12,8,1,2,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000108.0,1);
INSERT INTO "deliveries" VALUES(13,8,0,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000108.0,1);
INSERT INTO "deliveries" VALUES(14,8,1,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000108.0,1);
INSERT INTO "deliveries" VALUES(15,9,0,2,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000109.0,1);
INSERT INTO "deliveries" VALUES(16,9,1,2,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000109.0,1);
INSERT INTO "deliveries" VALUES(17,9,0,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000109.0,1);
INSERT INTO "deliveries" VALUES(18,9,1,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000109.0,1);
INSERT INTO "deliveries" VALUES(19,10,0,1,'sending',0,0,0.0,NULL,NULL,6,NULL,1000112.0,2);
INSERT INTO "deliveries" VALUES(20,10,0,3,'waiting',0,0,0.0,NULL,NULL,NULL,NULL,1000109.0,2);
INSERT INTO "deliveries" VALUES(21,11,1,2,'waiting',1,0,0.0,NULL,NULL,NULL,3,1000110.0,1);
CREATE TABLE desk (
        id INTEGER PRIMARY KEY CHECK (id = 1), room_name TEXT NOT NULL DEFAULT '', room_id TEXT NOT NULL DEFAULT '',
        claim_code TEXT NOT NULL DEFAULT '', claim_until REAL -- NULL: it has no end
    );
INSERT INTO "desk" VALUES(1,'','','',NULL);
CREATE TABLE drafts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, contact_id TEXT NOT NULL, place TEXT NOT NULL, community TEXT NOT NULL,
        state TEXT NOT NULL, parts TEXT NOT NULL, changed REAL NOT NULL
    );
CREATE TABLE health (
        id INTEGER PRIMARY KEY CHECK (id = 1), phase TEXT NOT NULL DEFAULT 'disconnected', since REAL,
        last_event REAL, cooldown_until REAL NOT NULL DEFAULT 0, cooldown_length REAL NOT NULL DEFAULT 0
    , written_at REAL, clock_ahead REAL NOT NULL DEFAULT 0, outage_ended_at REAL, outage_length REAL NOT NULL DEFAULT 0, verify_id TEXT NOT NULL DEFAULT '');
INSERT INTO "health" VALUES(1,'ready',1000000.0,1000112.0,1000061.0,60.0,NULL,0.0,NULL,0.0,'');
CREATE TABLE held (
        message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, state TEXT NOT NULL,
        reasons TEXT NOT NULL, text TEXT NOT NULL, content TEXT, quote TEXT, code TEXT NOT NULL, changed REAL NOT NULL,
        reported INTEGER NOT NULL DEFAULT 0
    );
CREATE TABLE incoming (
        id INTEGER PRIMARY KEY AUTOINCREMENT, gateway_id TEXT NOT NULL UNIQUE, seen REAL NOT NULL,
        failed INTEGER NOT NULL DEFAULT 0
    );
INSERT INTO "incoming" VALUES(1,'unfinished',1000103.0,0);
INSERT INTO "incoming" VALUES(2,'given-up',1000103.0,1);
CREATE TABLE lately (
        message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, talker_id TEXT NOT NULL,
        community TEXT NOT NULL, form TEXT NOT NULL, at REAL NOT NULL
    );
CREATE TABLE "messages" (
        id INTEGER PRIMARY KEY, gateway_id TEXT UNIQUE, -- NULL: of the bot's own, or a recall
        room INTEGER NOT NULL REFERENCES rooms, talker_id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        accepted_at REAL NOT NULL,
        missed INTEGER NOT NULL DEFAULT 0 -- how many messages this one says that its room missed
    );
INSERT INTO "messages" VALUES(1,'old',1,'alice','Alice','text',910000.0,0);
INSERT INTO "messages" VALUES(2,NULL,3,'','','system',1000000.0,1);
INSERT INTO "messages" VALUES(3,'sent',1,'alice','Alice','text',1000001.0,0);
INSERT INTO "messages" VALUES(4,'recalled',1,'alice','Alice','text',1000103.0,0);
INSERT INTO "messages" VALUES(5,NULL,1,'','','system',1000104.0,0);
INSERT INTO "messages" VALUES(6,'refused',1,'carol','Carol','text',1000106.0,0);
INSERT INTO "messages" VALUES(7,'brought',1,'alice','Alice','text',1000108.0,0);
INSERT INTO "messages" VALUES(8,'picture',1,'alice','Alice','image',1000108.0,0);
INSERT INTO "messages" VALUES(9,'held',1,'dave','Dave','image',1000109.0,0);
INSERT INTO "messages" VALUES(10,'in-hand',2,'bob','Bob','text',1000109.0,0);
INSERT INTO "messages" VALUES(11,NULL,1,'','','recalled',1000110.0,0);
INSERT INTO "messages" VALUES(12,NULL,1,'','','recalled',1000110.0,0);
CREATE TABLE moderation (
        id INTEGER PRIMARY KEY CHECK (id = 1), mode TEXT, setting TEXT NOT NULL DEFAULT '',
        owner TEXT NOT NULL, -- what the samples of this file are called in a base that several bots share
        failures INTEGER NOT NULL DEFAULT 0, failed_at REAL, -- checks that failed or were slow
        tripped_at REAL -- when the breaker acted, until staff is told
    );
INSERT INTO "moderation" VALUES(1,NULL,'','0123456789abcdef',0,NULL,NULL);
CREATE TABLE mutes (
        contact_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, name TEXT NOT NULL, until REAL, action_id INTEGER
    ) WITHOUT ROWID;
CREATE TABLE parts (
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, part INTEGER NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, header TEXT NOT NULL DEFAULT '', mention TEXT NOT NULL DEFAULT '', caption INTEGER NOT NULL DEFAULT 0, quoted INTEGER REFERENCES messages ON DELETE SET NULL, quote_line TEXT NOT NULL DEFAULT '', PRIMARY KEY (message_id, part)
    ) WITHOUT ROWID;
INSERT INTO "parts" VALUES(1,0,'text','昨天的话','[Alice@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(2,0,'text','（有 1 条消息未能及时转发到本群，仅原群可见）','','',0,NULL,'');
INSERT INTO "parts" VALUES(3,0,'text','大家好','[Alice@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(4,0,'text','说错了','[Alice@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(5,0,'text','我是群消息同步助手','','',0,NULL,'');
INSERT INTO "parts" VALUES(6,0,'text','有人吗','[Carol@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(7,0,'text','明天见','[Alice@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(8,0,'text','[图片]','[Alice@101]:  ','',1,NULL,'');
INSERT INTO "parts" VALUES(8,1,'image','{"boxType": 7, "uuid": "1", "name": "a.png"}','[Alice@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(9,0,'text','[图片]','[Dave@101]:  ','',1,NULL,'');
INSERT INTO "parts" VALUES(9,1,'image','{"boxType": 7, "uuid": "2", "name": "d.png"}','[Dave@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(10,0,'text','收到','[Bob@102]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(11,0,'recalled','','[Alice@101]:  ','',0,NULL,'');
INSERT INTO "parts" VALUES(11,1,'recalled','[Alice@101] 撤回了一条消息','[Alice@101]:  ','',0,NULL,'');
CREATE TABLE pauses (
        community TEXT PRIMARY KEY, until REAL, since REAL NOT NULL, reminded_at REAL NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE peers (
        talker_id TEXT NOT NULL, room INTEGER NOT NULL REFERENCES rooms, relayed_at REAL NOT NULL,
        PRIMARY KEY (talker_id, room)
    ) WITHOUT ROWID;
INSERT INTO "peers" VALUES('bot2',3,1000112.0);
CREATE TABLE recalls (
        message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
        recalled_id TEXT NOT NULL, -- the gateway's id of it, which may come after its recall
        recalled INTEGER REFERENCES messages ON DELETE SET NULL
    );
INSERT INTO "recalls" VALUES(11,'recalled',4);
INSERT INTO "recalls" VALUES(12,'never-seen',NULL);
CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT, until REAL NOT NULL, command TEXT NOT NULL, confirmed INTEGER NOT NULL,
        answer TEXT NOT NULL DEFAULT '', succeeded INTEGER
    );
CREATE TABLE rooms (
        id INTEGER PRIMARY KEY, gateway_id TEXT NOT NULL UNIQUE, topic TEXT,
        introduced_at REAL NOT NULL DEFAULT 0 -- when the bot last said there what it does
    , mode TEXT);
INSERT INTO "rooms" VALUES(1,'r101','Milvus用户交流群101',1000104.0,NULL);
INSERT INTO "rooms" VALUES(2,'r102','Milvus用户交流群102',0.0,NULL);
INSERT INTO "rooms" VALUES(3,'r103','Milvus用户交流群103',0.0,NULL);
CREATE TABLE rules (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, at REAL NOT NULL, UNIQUE (kind, text)
    );
CREATE TABLE samples (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, text TEXT NOT NULL, origin TEXT NOT NULL,
        teacher TEXT NOT NULL, at REAL NOT NULL, UNIQUE (kind, text)
    );
CREATE TABLE "sends" (
        id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL REFERENCES rooms, kind TEXT NOT NULL,
        body TEXT NOT NULL, at REAL NOT NULL, sent_id TEXT, tries INTEGER NOT NULL DEFAULT 1,
        echoes INTEGER NOT NULL DEFAULT 0
    );
INSERT INTO "sends" VALUES(2,2,'text','[Alice@101]:  大家好',1000102.0,'s1',1,0);
INSERT INTO "sends" VALUES(3,2,'text','[Alice@101]:  说错了',1000104.0,'s2',1,0);
INSERT INTO "sends" VALUES(4,1,'text','我是群消息同步助手',1000105.0,'s3',1,0);
INSERT INTO "sends" VALUES(5,2,'text','[Carol@101]:  有人吗',1000107.0,NULL,1,0);
INSERT INTO "sends" VALUES(6,1,'text','[Bob@102]:  收到',1000112.0,NULL,1,0);
CREATE TABLE staff (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account_id TEXT NOT NULL, contact_id TEXT NOT NULL, name TEXT NOT NULL,
        added_at REAL NOT NULL, UNIQUE (account_id, contact_id)
    );
CREATE TABLE trust (
        account_id TEXT NOT NULL, contact_id TEXT NOT NULL, name TEXT NOT NULL, texts INTEGER NOT NULL,
        days INTEGER NOT NULL, last_day TEXT NOT NULL, is_granted INTEGER NOT NULL, PRIMARY KEY (account_id, contact_id)
    ) WITHOUT ROWID;
CREATE INDEX parts_header ON parts (header);
CREATE INDEX parts_heavy ON parts (message_id) WHERE length(body) > 4096;
CREATE INDEX recalls_recalled_id ON recalls (recalled_id);
CREATE INDEX recalls_recalled ON recalls (recalled) WHERE recalled IS NOT NULL;
CREATE INDEX messages_accepted ON messages (accepted_at);
CREATE INDEX sends_room ON sends (room, at);
CREATE INDEX sends_sent_id ON sends (sent_id) WHERE sent_id IS NOT NULL;
CREATE INDEX deliveries_message ON deliveries (message_id);
CREATE INDEX deliveries_send ON deliveries (send_id) WHERE send_id IS NOT NULL;
CREATE INDEX deliveries_recalled_send ON deliveries (recalled_send) WHERE recalled_send IS NOT NULL;
CREATE INDEX call_log_at ON call_log (at);
CREATE INDEX deliveries_by_source ON deliveries (room, source, priority DESC, id) WHERE state = 'waiting';
CREATE INDEX parts_quoted ON parts (quoted) WHERE quoted IS NOT NULL;
CREATE INDEX deliveries_settled ON deliveries (room, state, changed) WHERE state NOT IN ('waiting', 'sending');
CREATE INDEX deliveries_sending ON deliveries (room, changed) WHERE state = 'sending';
CREATE INDEX deliveries_with_error ON deliveries (room, changed) WHERE error IS NOT NULL;
CREATE INDEX deliveries_out_of_turn ON deliveries (room, priority DESC, id)
        WHERE state = 'waiting' AND priority <> 0;
CREATE INDEX held_waiting ON held (message_id) WHERE state = 'held';
CREATE INDEX held_unreported ON held (message_id) WHERE reported = 0;
CREATE INDEX held_heavy ON held (message_id) WHERE length(content) > 4096;
CREATE INDEX lately_talker ON lately (talker_id, at);
CREATE INDEX lately_at ON lately (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('sends',6);
INSERT INTO "sqlite_sequence" VALUES('deliveries',21);
INSERT INTO "sqlite_sequence" VALUES('incoming',2);
COMMIT;
PRAGMA application_id = 1381194062;
PRAGMA user_version = 11;
