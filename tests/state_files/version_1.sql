BEGIN TRANSACTION;
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    part INTEGER NOT NULL,
    room_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try REAL NOT NULL DEFAULT 0,
    sent_id TEXT,
    error TEXT,
    changed REAL NOT NULL
);
INSERT INTO "deliveries" VALUES(1,1,0,'r102','sent',0,0.0,'s1',NULL,1000102.0);
INSERT INTO "deliveries" VALUES(2,1,0,'r103','waiting',0,0.0,NULL,NULL,1000001.0);
INSERT INTO "deliveries" VALUES(3,2,0,'r102','waiting',1,1000700.0,NULL,'the gateway refused it',1000107.0);
INSERT INTO "deliveries" VALUES(4,2,0,'r103','waiting',0,0.0,NULL,NULL,1000106.0);
INSERT INTO "deliveries" VALUES(5,3,0,'r102','waiting',0,0.0,NULL,NULL,1000108.0);
INSERT INTO "deliveries" VALUES(6,3,1,'r102','waiting',0,0.0,NULL,NULL,1000108.0);
INSERT INTO "deliveries" VALUES(7,3,0,'r103','waiting',0,0.0,NULL,NULL,1000108.0);
INSERT INTO "deliveries" VALUES(8,3,1,'r103','waiting',0,0.0,NULL,NULL,1000108.0);
INSERT INTO "deliveries" VALUES(9,4,0,'r101','sending',0,0.0,NULL,NULL,1000112.0);
INSERT INTO "deliveries" VALUES(10,4,0,'r103','waiting',0,0.0,NULL,NULL,1000109.0);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    gateway_id TEXT NOT NULL UNIQUE,
    room_id TEXT NOT NULL,
    talker_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    accepted REAL NOT NULL
);
INSERT INTO "messages" VALUES(1,'sent','r101','alice','Alice','text',1000001.0);
INSERT INTO "messages" VALUES(2,'refused','r101','carol','Carol','text',1000106.0);
INSERT INTO "messages" VALUES(3,'picture','r101','alice','Alice','image',1000108.0);
INSERT INTO "messages" VALUES(4,'in-hand','r102','bob','Bob','text',1000109.0);
CREATE TABLE parts (
    message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    part INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message_id, part)
) WITHOUT ROWID;
INSERT INTO "parts" VALUES(1,0,'text','[Alice@101]:  大家好');
INSERT INTO "parts" VALUES(2,0,'text','[Carol@101]:  有人吗');
INSERT INTO "parts" VALUES(3,0,'text','[Alice@101]:  [图片]');
INSERT INTO "parts" VALUES(3,1,'image','{"boxType": 7, "uuid": "1", "name": "a.png"}');
INSERT INTO "parts" VALUES(4,0,'text','[Bob@102]:  收到');
CREATE INDEX deliveries_waiting ON deliveries (room_id, id) WHERE state = 'waiting';
CREATE INDEX deliveries_message ON deliveries (message_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deliveries',10);
COMMIT;
PRAGMA application_id = 1381194062;
PRAGMA user_version = 1;
