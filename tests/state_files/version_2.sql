PRAGMA auto_vacuum = INCREMENTAL;
BEGIN TRANSACTION;
CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
        part INTEGER NOT NULL,
        room_id TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        attempts INTEGER NOT NULL DEFAULT 0,
        next_try REAL NOT NULL DEFAULT 0,
        error TEXT,
        changed REAL NOT NULL
    , send_id INTEGER REFERENCES sends ON DELETE SET NULL);
INSERT INTO "deliveries" VALUES(1,1,0,'r103','expired',0,0.0,NULL,1000000.0,NULL);
INSERT INTO "deliveries" VALUES(2,2,0,'r103','waiting',0,0.0,NULL,1000000.0,NULL);
INSERT INTO "deliveries" VALUES(3,3,0,'r102','sent',0,1000001.0,NULL,1000102.0,2);
INSERT INTO "deliveries" VALUES(4,3,0,'r103','waiting',0,0.0,NULL,1000001.0,NULL);
INSERT INTO "deliveries" VALUES(5,4,0,'r102','waiting',1,1000700.0,'the gateway refused it',1000107.0,3);
INSERT INTO "deliveries" VALUES(6,4,0,'r103','waiting',0,0.0,NULL,1000106.0,NULL);
INSERT INTO "deliveries" VALUES(7,5,0,'r102','waiting',0,0.0,NULL,1000108.0,NULL);
INSERT INTO "deliveries" VALUES(8,5,1,'r102','waiting',0,0.0,NULL,1000108.0,NULL);
INSERT INTO "deliveries" VALUES(9,5,0,'r103','waiting',0,0.0,NULL,1000108.0,NULL);
INSERT INTO "deliveries" VALUES(10,5,1,'r103','waiting',0,0.0,NULL,1000108.0,NULL);
INSERT INTO "deliveries" VALUES(11,6,0,'r101','sending',0,0.0,NULL,1000112.0,4);
INSERT INTO "deliveries" VALUES(12,6,0,'r103','waiting',0,0.0,NULL,1000109.0,NULL);
CREATE TABLE incoming (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        gateway_id TEXT NOT NULL UNIQUE,
        seen REAL NOT NULL,
        failed INTEGER NOT NULL DEFAULT 0
    );
INSERT INTO "incoming" VALUES(1,'unfinished',1000103.0,0);
INSERT INTO "incoming" VALUES(2,'given-up',1000103.0,1);
CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        gateway_id TEXT NOT NULL UNIQUE,
        room_id TEXT NOT NULL,
        talker_id TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        accepted REAL NOT NULL
    );
INSERT INTO "messages" VALUES(1,'old','r101','alice','Alice','text',910000.0);
INSERT INTO "messages" VALUES(2,'notice:1','r103','1','','notice',1000000.0);
INSERT INTO "messages" VALUES(3,'sent','r101','alice','Alice','text',1000001.0);
INSERT INTO "messages" VALUES(4,'refused','r101','carol','Carol','text',1000106.0);
INSERT INTO "messages" VALUES(5,'picture','r101','alice','Alice','image',1000108.0);
INSERT INTO "messages" VALUES(6,'in-hand','r102','bob','Bob','text',1000109.0);
CREATE TABLE parts (
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
        part INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (message_id, part)
    ) WITHOUT ROWID;
INSERT INTO "parts" VALUES(1,0,'text','[Alice@101]:  昨天的话');
INSERT INTO "parts" VALUES(2,0,'text','（有 1 条消息未能及时转发到本群，请到其他群查看）');
INSERT INTO "parts" VALUES(3,0,'text','[Alice@101]:  大家好');
INSERT INTO "parts" VALUES(4,0,'text','[Carol@101]:  有人吗');
INSERT INTO "parts" VALUES(5,0,'text','[Alice@101]:  [图片]');
INSERT INTO "parts" VALUES(5,1,'image','{"boxType": 7, "uuid": "1", "name": "a.png"}');
INSERT INTO "parts" VALUES(6,0,'text','[Bob@102]:  收到');
CREATE TABLE rooms (room_id TEXT PRIMARY KEY, topic TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "rooms" VALUES('r101','Milvus用户交流群101');
INSERT INTO "rooms" VALUES('r102','Milvus用户交流群102');
INSERT INTO "rooms" VALUES('r103','Milvus用户交流群103');
CREATE TABLE sends (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        at REAL NOT NULL,
        sent_id TEXT
    );
INSERT INTO "sends" VALUES(2,'r102','text','[Alice@101]:  大家好',1000102.0,'s1');
INSERT INTO "sends" VALUES(3,'r102','text','[Carol@101]:  有人吗',1000107.0,NULL);
INSERT INTO "sends" VALUES(4,'r101','text','[Bob@102]:  收到',1000112.0,NULL);
CREATE TABLE status (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "status" VALUES('connected','1');
INSERT INTO "status" VALUES('cooldown_length','60.0');
INSERT INTO "status" VALUES('cooldown_until','1000061.0');
INSERT INTO "status" VALUES('last_event','1000112.0');
INSERT INTO "status" VALUES('logged_in','1');
INSERT INTO "status" VALUES('since','1000000.0');
CREATE INDEX deliveries_waiting ON deliveries (room_id, id) WHERE state = 'waiting';
CREATE INDEX deliveries_message ON deliveries (message_id);
CREATE INDEX sends_at ON sends (at);
CREATE INDEX sends_room ON sends (room_id, id);
CREATE INDEX sends_sent_id ON sends (sent_id) WHERE sent_id IS NOT NULL;
CREATE INDEX deliveries_send ON deliveries (send_id) WHERE send_id IS NOT NULL;
CREATE INDEX deliveries_changed ON deliveries (changed);
CREATE INDEX messages_accepted ON messages (accepted);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deliveries',12);
INSERT INTO "sqlite_sequence" VALUES('sends',4);
INSERT INTO "sqlite_sequence" VALUES('incoming',2);
COMMIT;
PRAGMA application_id = 1381194062;
PRAGMA user_version = 2;
