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
    , send_id INTEGER REFERENCES sends ON DELETE SET NULL, urgent INTEGER NOT NULL DEFAULT 0);
INSERT INTO "deliveries" VALUES(1,1,0,'r103','expired',0,0.0,NULL,1000000.0,NULL,0);
INSERT INTO "deliveries" VALUES(2,2,0,'r103','waiting',0,0.0,NULL,1000000.0,NULL,0);
INSERT INTO "deliveries" VALUES(3,3,0,'r102','sent',0,1000001.0,NULL,1000102.0,2,0);
INSERT INTO "deliveries" VALUES(4,3,0,'r103','waiting',0,0.0,NULL,1000001.0,NULL,0);
INSERT INTO "deliveries" VALUES(5,4,0,'r102','sent',0,0.0,NULL,1000104.0,3,0);
INSERT INTO "deliveries" VALUES(6,4,0,'r103','cancelled',0,0.0,NULL,1000110.0,NULL,0);
INSERT INTO "deliveries" VALUES(7,5,0,'r101','sent',0,0.0,NULL,1000105.0,4,0);
INSERT INTO "deliveries" VALUES(8,6,0,'r102','waiting',1,1000700.0,'the gateway refused it',1000107.0,5,0);
INSERT INTO "deliveries" VALUES(9,6,0,'r103','waiting',0,0.0,NULL,1000106.0,NULL,0);
INSERT INTO "deliveries" VALUES(10,7,0,'r102','waiting',0,0.0,NULL,1000108.0,NULL,0);
INSERT INTO "deliveries" VALUES(11,7,0,'r103','cancelled',0,0.0,'another relay brought it',1000111.0,NULL,0);
INSERT INTO "deliveries" VALUES(12,8,0,'r102','waiting',0,0.0,NULL,1000108.0,NULL,0);
INSERT INTO "deliveries" VALUES(13,8,1,'r102','waiting',0,0.0,NULL,1000108.0,NULL,0);
INSERT INTO "deliveries" VALUES(14,8,0,'r103','waiting',0,0.0,NULL,1000108.0,NULL,0);
INSERT INTO "deliveries" VALUES(15,8,1,'r103','waiting',0,0.0,NULL,1000108.0,NULL,0);
INSERT INTO "deliveries" VALUES(16,9,0,'r102','waiting',0,0.0,NULL,1000109.0,NULL,0);
INSERT INTO "deliveries" VALUES(17,9,1,'r102','waiting',0,0.0,NULL,1000109.0,NULL,0);
INSERT INTO "deliveries" VALUES(18,9,0,'r103','cancelled',0,0.0,'another relay brought it',1000112.0,NULL,0);
INSERT INTO "deliveries" VALUES(19,9,1,'r103','waiting',0,1000172.0,NULL,1000109.0,NULL,0);
INSERT INTO "deliveries" VALUES(20,10,0,'r101','sending',0,0.0,NULL,1000112.0,6,0);
INSERT INTO "deliveries" VALUES(21,10,0,'r103','waiting',0,0.0,NULL,1000109.0,NULL,0);
INSERT INTO "deliveries" VALUES(22,11,0,'r102','waiting',0,0.0,NULL,1000110.0,NULL,1);
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
INSERT INTO "messages" VALUES(4,'recalled','r101','alice','Alice','text',1000103.0);
INSERT INTO "messages" VALUES(5,'answer:question','r101','','','system',1000104.0);
INSERT INTO "messages" VALUES(6,'refused','r101','carol','Carol','text',1000106.0);
INSERT INTO "messages" VALUES(7,'brought','r101','alice','Alice','text',1000108.0);
INSERT INTO "messages" VALUES(8,'picture','r101','alice','Alice','image',1000108.0);
INSERT INTO "messages" VALUES(9,'held','r101','dave','Dave','image',1000109.0);
INSERT INTO "messages" VALUES(10,'in-hand','r102','bob','Bob','text',1000109.0);
INSERT INTO "messages" VALUES(11,'recall:recalled','r101','','','recalled',1000110.0);
INSERT INTO "messages" VALUES(12,'recall:never-seen','r101','','','recalled',1000110.0);
CREATE TABLE parts (
        message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
        part INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL, head TEXT NOT NULL DEFAULT '', mention TEXT NOT NULL DEFAULT '', caption INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (message_id, part)
    ) WITHOUT ROWID;
INSERT INTO "parts" VALUES(1,0,'text','昨天的话','[Alice@101]:  ','',0);
INSERT INTO "parts" VALUES(2,0,'text','（有 1 条消息未能及时转发到本群，请到其他群查看）','','',0);
INSERT INTO "parts" VALUES(3,0,'text','大家好','[Alice@101]:  ','',0);
INSERT INTO "parts" VALUES(4,0,'text','说错了','[Alice@101]:  ','',0);
INSERT INTO "parts" VALUES(5,0,'text','我是群消息同步助手','','',0);
INSERT INTO "parts" VALUES(6,0,'text','有人吗','[Carol@101]:  ','',0);
INSERT INTO "parts" VALUES(7,0,'text','明天见','[Alice@101]:  ','',0);
INSERT INTO "parts" VALUES(8,0,'text','[图片]','[Alice@101]:  ','',1);
INSERT INTO "parts" VALUES(8,1,'image','{"boxType": 7, "uuid": "1", "name": "a.png"}','','',0);
INSERT INTO "parts" VALUES(9,0,'text','[图片]','[Dave@101]:  ','',1);
INSERT INTO "parts" VALUES(9,1,'image','{"boxType": 7, "uuid": "2", "name": "d.png"}','','',0);
INSERT INTO "parts" VALUES(10,0,'text','收到','[Bob@102]:  ','',0);
INSERT INTO "parts" VALUES(11,0,'recalled','{"send": 3, "message": 4, "announce": true}','[Alice@101]:  ','',0);
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
    , tries INTEGER NOT NULL DEFAULT 1, echoes INTEGER NOT NULL DEFAULT 0);
INSERT INTO "sends" VALUES(2,'r102','text','[Alice@101]:  大家好',1000102.0,'s1',1,0);
INSERT INTO "sends" VALUES(3,'r102','text','[Alice@101]:  说错了',1000104.0,'s2',1,0);
INSERT INTO "sends" VALUES(4,'r101','text','我是群消息同步助手',1000105.0,'s3',1,0);
INSERT INTO "sends" VALUES(5,'r102','text','[Carol@101]:  有人吗',1000107.0,NULL,1,0);
INSERT INTO "sends" VALUES(6,'r101','text','[Bob@102]:  收到',1000112.0,NULL,1,0);
CREATE TABLE status (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "status" VALUES('answered:r101','1000104.0');
INSERT INTO "status" VALUES('brought:bot2:r103','[Dave@101]:  ');
INSERT INTO "status" VALUES('brought_to:r103','1000112.0');
INSERT INTO "status" VALUES('connected','1');
INSERT INTO "status" VALUES('cooldown_length','60.0');
INSERT INTO "status" VALUES('cooldown_until','1000061.0');
INSERT INTO "status" VALUES('last_event','1000112.0');
INSERT INTO "status" VALUES('logged_in','1');
INSERT INTO "status" VALUES('relay:bot2:r103','1000112.0');
INSERT INTO "status" VALUES('since','1000000.0');
CREATE INDEX deliveries_message ON deliveries (message_id);
CREATE INDEX sends_at ON sends (at);
CREATE INDEX sends_room ON sends (room_id, at);
CREATE INDEX sends_sent_id ON sends (sent_id) WHERE sent_id IS NOT NULL;
CREATE INDEX deliveries_send ON deliveries (send_id) WHERE send_id IS NOT NULL;
CREATE INDEX deliveries_changed ON deliveries (changed);
CREATE INDEX messages_accepted ON messages (accepted);
CREATE INDEX parts_head ON parts (head);
CREATE INDEX deliveries_waiting ON deliveries (room_id, urgent DESC, id) WHERE state = 'waiting';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deliveries',22);
INSERT INTO "sqlite_sequence" VALUES('sends',6);
INSERT INTO "sqlite_sequence" VALUES('incoming',2);
COMMIT;
PRAGMA application_id = 1381194062;
PRAGMA user_version = 3;
