BEGIN TRANSACTION;
CREATE TABLE stagetune_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT stagetune_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "stagetune_alembic_version" VALUES('0003');
CREATE TABLE "stagetune_attempt" (
	id TEXT NOT NULL, 
	trial_id TEXT NOT NULL, 
	study_id TEXT NOT NULL, 
	ordinal INTEGER NOT NULL, 
	worker_id TEXT NOT NULL, 
	device TEXT NOT NULL, 
	token TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	error TEXT, 
	started_from INTEGER NOT NULL, 
	chunks INTEGER NOT NULL, 
	stop TEXT NOT NULL, 
	started_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	lease_expires_at DOUBLE NOT NULL, 
	alone BOOLEAN DEFAULT 0 NOT NULL, 
	engine TEXT, 
	width INTEGER DEFAULT '0' NOT NULL, printed INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_stagetune_attempt PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_attempt_state CHECK (state IN ('running', 'completed', 'diverged', 'stopped', 'preempted', 'evicted', 'failed', 'expired')), 
	CONSTRAINT fk_stagetune_attempt_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT fk_stagetune_attempt_trial_id FOREIGN KEY(trial_id) REFERENCES stagetune_trial (id), 
	CONSTRAINT fk_stagetune_attempt_worker_id FOREIGN KEY(worker_id) REFERENCES stagetune_worker (id), 
	CONSTRAINT uq_stagetune_attempt_trial_id_ordinal UNIQUE (trial_id, ordinal)
);
INSERT INTO "stagetune_attempt" VALUES('at_cverwd5m4asc2d','tr_ymztcmjdkhagrd','st_d3hfypnbgs40xv',0,'wk_rzt09p02kq62e5','cpu','f460386f68c4937a25c633d54c8a31da','completed','',NULL,0,2,'',1.79539423393401050563e+09,1.79539423398301458355e+09,1.79539426398301458359e+09,0,NULL,0,11);
INSERT INTO "stagetune_attempt" VALUES('at_6ske0510azzk9w','tr_9xy1grp4vm1hqz','st_d3hfypnbgs40xv',0,'wk_rzt09p02kq62e5','cpu','eaa8f172faa2d24ec7411a5a504e94a2','completed','',NULL,0,2,'',1.79539423401298809052e+09,1.79539423403801321984e+09,1.79539426403801321988e+09,0,NULL,0,11);
INSERT INTO "stagetune_attempt" VALUES('at_f6pn522j7h7wnd','tr_zjhj4fz6x18q3k','st_jfvj7j7g660zyd',0,'wk_pc26mbnn5qrz1g','cpu','f7061708e15f353279fb7abdcef838ca','completed','',NULL,0,2,'',1.79539423414398717883e+09,1.79539423417798423769e+09,1.79539426417798423764e+09,0,NULL,0,11);
INSERT INTO "stagetune_attempt" VALUES('at_4q9xten32r5vwz','tr_cet532a5wyfzhq','st_4sg2mz7mfchyda',0,'wk_5mc272gz74e9fk','cpu','bd4856a9252bbefff2e56fe579adce32','completed','',NULL,0,2,'',1.79539423430198287964e+09,1.79539423432600212101e+09,1.79539426432600212092e+09,0,NULL,0,11);
INSERT INTO "stagetune_attempt" VALUES('at_09j29a7kp74hdc','tr_p0bwvkdt1t1g0n','st_f95vq7feqwg4n9',0,'wk_0bghcfqk2w9qp8','cpu','207da316187938506b6e43b84baeac85','failed','CUDA error: unknown',NULL,0,0,'',1.79539423440799713127e+09,1.79539423441801524166e+09,1.79539426441801524157e+09,0,NULL,0,0);
INSERT INTO "stagetune_attempt" VALUES('at_ms6jtb2b7f68gm','tr_ydybydz9zf4w1f','st_f95vq7feqwg4n9',0,'wk_0bghcfqk2w9qp8','cpu','e1a335425ca87158e60b5a63444e6d66','failed','CUDA error: unknown',NULL,0,0,'',1.79539423444698309894e+09,1.7953942344580068588e+09,1.79539426445800685879e+09,0,NULL,0,0);
INSERT INTO "stagetune_attempt" VALUES('at_hdb73e440898j0','tr_jnnj0p47cdthsf','st_f95vq7feqwg4n9',0,'wk_0bghcfqk2w9qp8','cpu','5861ba7d2fc10d578fd4b78ee934d52a','failed','CUDA error: unknown',NULL,0,0,'',1.79539423448299169535e+09,1.79539423449401569369e+09,1.79539426449401569359e+09,0,NULL,0,0);
INSERT INTO "stagetune_attempt" VALUES('at_thh9bkgyrrk15r','tr_p0bwvkdt1t1g0n','st_f95vq7feqwg4n9',1,'wk_36xhj7k3qrfb5s','cpu','3e5247751b9a3e1a2340c069d878980e','preempted','the worker is shutting down',NULL,0,1,'',1795394234.53099,1.7953942345799937248e+09,1.79539426457999372484e+09,0,NULL,0,0);
INSERT INTO "stagetune_attempt" VALUES('at_kywzar9ezm42k5','tr_p0bwvkdt1t1g0n','st_f95vq7feqwg4n9',2,'wk_36xhj7k3qrfb5s','cpu','279477f981c00ad7acf9d2d4156a279f','running','',NULL,2,1,'',1.79539423460401296617e+09,NULL,1.79539426461600255965e+09,0,NULL,0,0);
CREATE TABLE stagetune_checkpoint (
	trial_id TEXT NOT NULL, 
	attempt_id TEXT NOT NULL, 
	step INTEGER NOT NULL, 
	bytes INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	CONSTRAINT pk_stagetune_checkpoint PRIMARY KEY (trial_id), 
	CONSTRAINT fk_stagetune_checkpoint_trial_id FOREIGN KEY(trial_id) REFERENCES stagetune_trial (id) ON DELETE CASCADE
);
INSERT INTO "stagetune_checkpoint" VALUES('tr_p0bwvkdt1t1g0n','at_thh9bkgyrrk15r',2,1048576,'9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c');
CREATE TABLE stagetune_decision (
	id TEXT NOT NULL, 
	study_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	stage TEXT NOT NULL, 
	decided_at DOUBLE NOT NULL, 
	decision TEXT NOT NULL, 
	CONSTRAINT pk_stagetune_decision PRIMARY KEY (id), 
	CONSTRAINT fk_stagetune_decision_study_id_stage FOREIGN KEY(study_id, stage) REFERENCES stagetune_stage (study_id, kind), 
	CONSTRAINT uq_stagetune_decision_study_id_sequence UNIQUE (study_id, sequence)
);
INSERT INTO "stagetune_decision" VALUES('de_z1rkpb2cz2cew0','st_d3hfypnbgs40xv',0,'lr_sweep',1.79539423407498741147e+09,'{"rule":"fastest and deepest curve (guide, stage 1)","choice":{"lr":0.1,"num_steps":100},"reason":"lr 0.1 fell fastest and deepest","evidence":{"noise":0.01,"ranking":[1,2]},"runners_up":[],"what_would_flip_it":"a loss at lr 0.03 that is lower by 0.02","candidates":[{"trial_id":"tr_9xy1grp4vm1hqz","params":{"lr":0.1},"schedule":{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0},"num_steps":100,"score":null,"note":""}],"warnings":[]}');
INSERT INTO "stagetune_decision" VALUES('de_w6z3f85k3btds6','st_jfvj7j7g660zyd',0,'lr_sweep',1.79539423420900392525e+09,'{"rule":"fastest and deepest curve (guide, stage 1)","choice":{"lr":0.1,"num_steps":100},"reason":"lr 0.1 fell fastest and deepest","evidence":{"noise":0.01,"ranking":[1,2]},"runners_up":[],"what_would_flip_it":"a loss at lr 0.03 that is lower by 0.02","candidates":[{"trial_id":"tr_zjhj4fz6x18q3k","params":{"lr":0.1},"schedule":{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0},"num_steps":100,"score":null,"note":""}],"warnings":[]}');
CREATE TABLE stagetune_device (
	worker_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	memory_bytes INTEGER, 
	memory_used_bytes INTEGER, 
	capacity INTEGER NOT NULL, status TEXT DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_stagetune_device PRIMARY KEY (worker_id, name), 
	CONSTRAINT ck_stagetune_device_capacity CHECK (capacity >= 0), 
	CONSTRAINT fk_stagetune_device_worker_id FOREIGN KEY(worker_id) REFERENCES stagetune_worker (id)
);
INSERT INTO "stagetune_device" VALUES('wk_rzt09p02kq62e5','cpu',0,'',NULL,NULL,0,'{"utilization":null,"room":{},"packs":[],"mps":null}');
INSERT INTO "stagetune_device" VALUES('wk_pc26mbnn5qrz1g','cpu',0,'',NULL,NULL,0,'{"utilization":null,"room":{},"packs":[],"mps":null}');
INSERT INTO "stagetune_device" VALUES('wk_5mc272gz74e9fk','cpu',0,'',NULL,NULL,0,'{"utilization":null,"room":{},"packs":[],"mps":null}');
INSERT INTO "stagetune_device" VALUES('wk_0bghcfqk2w9qp8','cpu',0,'',NULL,NULL,0,'{"utilization":null,"room":{},"packs":[],"mps":null}');
INSERT INTO "stagetune_device" VALUES('wk_36xhj7k3qrfb5s','cpu',0,'',NULL,NULL,1,'{"utilization":null,"room":{},"packs":[],"mps":null}');
CREATE TABLE stagetune_event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	study_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	trial_id TEXT, 
	message TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	CONSTRAINT fk_stagetune_event_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id)
);
INSERT INTO "stagetune_event" VALUES(1,'st_d3hfypnbgs40xv','study',NULL,'queued',1.79539423369498538974e+09);
INSERT INTO "stagetune_event" VALUES(2,'st_d3hfypnbgs40xv','study',NULL,'running',1.7953942338590159416e+09);
INSERT INTO "stagetune_event" VALUES(3,'st_d3hfypnbgs40xv','stage',NULL,'lr_sweep opened',1.7953942338590159416e+09);
INSERT INTO "stagetune_event" VALUES(4,'st_d3hfypnbgs40xv','trial','tr_ymztcmjdkhagrd','trial 0 (lr=0.1) added: a point of the coarse grid',1.7953942338590159416e+09);
INSERT INTO "stagetune_event" VALUES(5,'st_d3hfypnbgs40xv','trial','tr_9xy1grp4vm1hqz','trial 1 (lr=0.03) added: a point of the coarse grid',1.7953942338590159416e+09);
INSERT INTO "stagetune_event" VALUES(6,'st_d3hfypnbgs40xv','trial','tr_ymztcmjdkhagrd','trial 0 (lr=0.1) started on cpu of north',1.79539423389498448372e+09);
INSERT INTO "stagetune_event" VALUES(7,'st_d3hfypnbgs40xv','metrics',NULL,'points of 1 trial',1.79539423395300054555e+09);
INSERT INTO "stagetune_event" VALUES(8,'st_d3hfypnbgs40xv','trial','tr_ymztcmjdkhagrd','trial 0 (lr=0.1) completed',1.79539423398301458355e+09);
INSERT INTO "stagetune_event" VALUES(9,'st_d3hfypnbgs40xv','trial','tr_9xy1grp4vm1hqz','trial 1 (lr=0.03) started on cpu of north',1.79539423400401616098e+09);
INSERT INTO "stagetune_event" VALUES(10,'st_d3hfypnbgs40xv','trial','tr_9xy1grp4vm1hqz','trial 1 (lr=0.03) completed',1.79539423403801321984e+09);
INSERT INTO "stagetune_event" VALUES(11,'st_d3hfypnbgs40xv','decision',NULL,'lr 0.1 fell fastest and deepest',1.79539423407498741147e+09);
INSERT INTO "stagetune_event" VALUES(12,'st_d3hfypnbgs40xv','stage',NULL,'lr_sweep completed',1.79539423407498741147e+09);
INSERT INTO "stagetune_event" VALUES(13,'st_d3hfypnbgs40xv','study',NULL,'completed: all stages are decided',1.79539423409401774408e+09);
INSERT INTO "stagetune_event" VALUES(14,'st_jfvj7j7g660zyd','study',NULL,'queued',1.79539423409800076485e+09);
INSERT INTO "stagetune_event" VALUES(15,'st_jfvj7j7g660zyd','study',NULL,'running',1.79539423410999035837e+09);
INSERT INTO "stagetune_event" VALUES(16,'st_jfvj7j7g660zyd','stage',NULL,'lr_sweep opened',1.79539423410999035837e+09);
INSERT INTO "stagetune_event" VALUES(17,'st_jfvj7j7g660zyd','trial','tr_zjhj4fz6x18q3k','trial 0 (lr=0.1) added: a point of the coarse grid',1.79539423410999035837e+09);
INSERT INTO "stagetune_event" VALUES(18,'st_jfvj7j7g660zyd','trial','tr_zjhj4fz6x18q3k','trial 0 (lr=0.1) started on cpu of north',1.79539423412998628616e+09);
INSERT INTO "stagetune_event" VALUES(19,'st_jfvj7j7g660zyd','metrics',NULL,'points of 1 trial',1.79539423415698266026e+09);
INSERT INTO "stagetune_event" VALUES(20,'st_jfvj7j7g660zyd','trial','tr_zjhj4fz6x18q3k','trial 0 (lr=0.1) completed',1.79539423417798423769e+09);
INSERT INTO "stagetune_event" VALUES(21,'st_jfvj7j7g660zyd','decision',NULL,'lr 0.1 fell fastest and deepest',1.79539423420900392525e+09);
INSERT INTO "stagetune_event" VALUES(22,'st_jfvj7j7g660zyd','stage',NULL,'lr_sweep completed',1.79539423420900392525e+09);
INSERT INTO "stagetune_event" VALUES(23,'st_jfvj7j7g660zyd','study',NULL,'awaiting_approval: the next stage waits for approval',1.79539423423101162907e+09);
INSERT INTO "stagetune_event" VALUES(24,'st_56d5kh67ype2fw','study',NULL,'queued',1.79539423424199533459e+09);
INSERT INTO "stagetune_event" VALUES(25,'st_56d5kh67ype2fw','study',NULL,'running',1.79539423424698400496e+09);
INSERT INTO "stagetune_event" VALUES(26,'st_56d5kh67ype2fw','stage',NULL,'lr_sweep opened',1.79539423424698400496e+09);
INSERT INTO "stagetune_event" VALUES(27,'st_56d5kh67ype2fw','trial','tr_0xwt5zarfvjgz7','trial 0 (lr=1) added: a point of the coarse grid',1.79539423424698400496e+09);
INSERT INTO "stagetune_event" VALUES(28,'st_56d5kh67ype2fw','trial','tr_0xwt5zarfvjgz7','trial 0 (lr=1) cancelled: the study is cancelled',1.79539423425800800321e+09);
INSERT INTO "stagetune_event" VALUES(29,'st_56d5kh67ype2fw','stage',NULL,'lr_sweep cancelled',1.79539423425800800321e+09);
INSERT INTO "stagetune_event" VALUES(30,'st_56d5kh67ype2fw','stage',NULL,'batch_momentum cancelled',1.79539423425800800321e+09);
INSERT INTO "stagetune_event" VALUES(31,'st_56d5kh67ype2fw','stage',NULL,'decay_schedule cancelled',1.79539423425800800321e+09);
INSERT INTO "stagetune_event" VALUES(32,'st_56d5kh67ype2fw','study',NULL,'cancelled: on a person''s command',1.79539423425800800321e+09);
INSERT INTO "stagetune_event" VALUES(33,'st_4sg2mz7mfchyda','study',NULL,'queued',1.7953942342739806175e+09);
INSERT INTO "stagetune_event" VALUES(34,'st_4sg2mz7mfchyda','study',NULL,'running',1.79539423427900981904e+09);
INSERT INTO "stagetune_event" VALUES(35,'st_4sg2mz7mfchyda','stage',NULL,'lr_sweep opened',1.79539423427900981904e+09);
INSERT INTO "stagetune_event" VALUES(36,'st_4sg2mz7mfchyda','trial','tr_cet532a5wyfzhq','trial 0 (lr=0.1) added: a point of the coarse grid',1.79539423427900981904e+09);
INSERT INTO "stagetune_event" VALUES(37,'st_4sg2mz7mfchyda','trial','tr_d73e6y70y817bq','trial 1 (lr=0.03) added: a point of the coarse grid',1.79539423427900981904e+09);
INSERT INTO "stagetune_event" VALUES(38,'st_4sg2mz7mfchyda','trial','tr_cet532a5wyfzhq','trial 0 (lr=0.1) started on cpu of south',1.79539423429401659966e+09);
INSERT INTO "stagetune_event" VALUES(39,'st_4sg2mz7mfchyda','metrics',NULL,'points of 1 trial',1.79539423430600619314e+09);
INSERT INTO "stagetune_event" VALUES(40,'st_4sg2mz7mfchyda','trial','tr_cet532a5wyfzhq','trial 0 (lr=0.1) completed',1.79539423432600212101e+09);
INSERT INTO "stagetune_event" VALUES(41,'st_4sg2mz7mfchyda','study',NULL,'paused',1.79539423434100890155e+09);
INSERT INTO "stagetune_event" VALUES(42,'st_f95vq7feqwg4n9','study',NULL,'queued',1795394234.35501);
INSERT INTO "stagetune_event" VALUES(43,'st_f95vq7feqwg4n9','study',NULL,'running',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(44,'st_f95vq7feqwg4n9','stage',NULL,'lr_sweep opened',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(45,'st_f95vq7feqwg4n9','trial','tr_p0bwvkdt1t1g0n','trial 0 (lr=0) added: a point of the coarse grid',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(46,'st_f95vq7feqwg4n9','trial','tr_ydybydz9zf4w1f','trial 1 (lr=1) added: a point of the coarse grid',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(47,'st_f95vq7feqwg4n9','trial','tr_jnnj0p47cdthsf','trial 2 (lr=2) added: a point of the coarse grid',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(48,'st_f95vq7feqwg4n9','trial','tr_7d9wye3me1stev','trial 3 (lr=3) added: a point of the coarse grid',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(49,'st_f95vq7feqwg4n9','trial','tr_7j6cm3pb2ahyb4','trial 4 (lr=4) added: a point of the coarse grid',1.79539423436301660537e+09);
INSERT INTO "stagetune_event" VALUES(50,'st_f95vq7feqwg4n9','trial','tr_p0bwvkdt1t1g0n','trial 0 (lr=0) started on cpu of bad',1.7953942344020023346e+09);
INSERT INTO "stagetune_event" VALUES(51,'st_f95vq7feqwg4n9','trial','tr_p0bwvkdt1t1g0n','trial 0 (lr=0) waits again, its attempt was failed: CUDA error: unknown',1.79539423441801524166e+09);
INSERT INTO "stagetune_event" VALUES(52,'st_f95vq7feqwg4n9','trial','tr_ydybydz9zf4w1f','trial 1 (lr=1) started on cpu of bad',1.79539423443398761751e+09);
INSERT INTO "stagetune_event" VALUES(53,'st_f95vq7feqwg4n9','trial','tr_ydybydz9zf4w1f','trial 1 (lr=1) waits again, its attempt was failed: CUDA error: unknown',1.7953942344580068588e+09);
INSERT INTO "stagetune_event" VALUES(54,'st_f95vq7feqwg4n9','trial','tr_jnnj0p47cdthsf','trial 2 (lr=2) started on cpu of bad',1.79539423447401976581e+09);
INSERT INTO "stagetune_event" VALUES(55,'st_f95vq7feqwg4n9','trial','tr_jnnj0p47cdthsf','trial 2 (lr=2) waits again, its attempt was failed: CUDA error: unknown',1.79539423449401569369e+09);
INSERT INTO "stagetune_event" VALUES(56,'st_f95vq7feqwg4n9','worker',NULL,'worker bad was quarantined: The last 3 trials it was given failed on it and on no other node; good and 2 more could take them.',1.79539423449401569369e+09);
INSERT INTO "stagetune_event" VALUES(57,'st_f95vq7feqwg4n9','trial','tr_p0bwvkdt1t1g0n','trial 0 (lr=0) started on cpu of good',1.79539423452201795574e+09);
INSERT INTO "stagetune_event" VALUES(58,'st_f95vq7feqwg4n9','metrics',NULL,'points of 1 trial',1.79539423454599666595e+09);
INSERT INTO "stagetune_event" VALUES(59,'st_f95vq7feqwg4n9','trial','tr_p0bwvkdt1t1g0n','trial 0 (lr=0) waits again, its attempt was preempted: the worker is shutting down',1.7953942345799937248e+09);
INSERT INTO "stagetune_event" VALUES(60,'st_f95vq7feqwg4n9','trial','tr_p0bwvkdt1t1g0n','trial 0 (lr=0) started on cpu of good',1.79539423459399485587e+09);
INSERT INTO "stagetune_event" VALUES(61,'st_awj18wdaxwdtpy','study',NULL,'queued',1.79539423466601228709e+09);
INSERT INTO "stagetune_event" VALUES(62,'st_awj18wdaxwdtpy','study',NULL,'running',1.79539423467498421675e+09);
INSERT INTO "stagetune_event" VALUES(63,'st_awj18wdaxwdtpy','stage',NULL,'lr_sweep opened',1.79539423467498421675e+09);
INSERT INTO "stagetune_event" VALUES(64,'st_awj18wdaxwdtpy','trial','tr_jxy0sverm6w150','trial 0 (lr=0.1) added: a point of the coarse grid',1.79539423467498421675e+09);
INSERT INTO "stagetune_event" VALUES(65,'st_awj18wdaxwdtpy','trial','tr_jxy0sverm6w150','trial 0 (lr=0.1) failed: poisoned: stagetune_trial.params cannot be read (Unterminated string starting at: line 1 column 2 (char 1)); what stood there is kept in stagetune_poison, a harmless value stands in its place',1.79539423472901725768e+09);
CREATE TABLE stagetune_log_chunk (
	attempt_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	length INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_stagetune_log_chunk PRIMARY KEY (attempt_id, sequence), 
	CONSTRAINT fk_stagetune_log_chunk_attempt_id FOREIGN KEY(attempt_id) REFERENCES stagetune_attempt (id)
);
INSERT INTO "stagetune_log_chunk" VALUES('at_cverwd5m4asc2d',0,11,'ended well
');
INSERT INTO "stagetune_log_chunk" VALUES('at_6ske0510azzk9w',0,11,'ended well
');
INSERT INTO "stagetune_log_chunk" VALUES('at_f6pn522j7h7wnd',0,11,'ended well
');
INSERT INTO "stagetune_log_chunk" VALUES('at_4q9xten32r5vwz',0,11,'ended well
');
CREATE TABLE stagetune_metric_chunk (
	id INTEGER NOT NULL, 
	attempt_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	count INTEGER NOT NULL, 
	first_step INTEGER NOT NULL, 
	stride INTEGER, 
	steps BLOB, 
	"values" BLOB NOT NULL, 
	CONSTRAINT pk_stagetune_metric_chunk PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_metric_chunk_regular_or_listed CHECK ((stride IS NULL) <> (steps IS NULL)), 
	CONSTRAINT fk_stagetune_metric_chunk_attempt_id FOREIGN KEY(attempt_id) REFERENCES stagetune_attempt (id), 
	CONSTRAINT uq_stagetune_metric_chunk_attempt_id_name_sequence UNIQUE (attempt_id, name, sequence)
);
INSERT INTO "stagetune_metric_chunk" VALUES(1,'at_cverwd5m4asc2d','loss',0,8,1,1,NULL,X'0000000000000040000000000000F03F555555555555E53F000000000000E03F9A9999999999D93F555555555555D53F922449922449D23F000000000000D03F');
INSERT INTO "stagetune_metric_chunk" VALUES(2,'at_cverwd5m4asc2d','dev_accuracy',0,1,100,1,NULL,X'0000003F');
INSERT INTO "stagetune_metric_chunk" VALUES(3,'at_6ske0510azzk9w','loss',0,8,1,1,NULL,X'0000000000000040000000000000F03F555555555555E53F000000000000E03F9A9999999999D93F555555555555D53F922449922449D23F000000000000D03F');
INSERT INTO "stagetune_metric_chunk" VALUES(4,'at_6ske0510azzk9w','dev_accuracy',0,1,100,1,NULL,X'0000403F');
INSERT INTO "stagetune_metric_chunk" VALUES(5,'at_f6pn522j7h7wnd','loss',0,8,1,1,NULL,X'0000000000000040000000000000F03F555555555555E53F000000000000E03F9A9999999999D93F555555555555D53F922449922449D23F000000000000D03F');
INSERT INTO "stagetune_metric_chunk" VALUES(6,'at_f6pn522j7h7wnd','dev_accuracy',0,1,100,1,NULL,X'0000203F');
INSERT INTO "stagetune_metric_chunk" VALUES(7,'at_4q9xten32r5vwz','loss',0,8,1,1,NULL,X'0000000000000040000000000000F03F555555555555E53F000000000000E03F9A9999999999D93F555555555555D53F922449922449D23F000000000000D03F');
INSERT INTO "stagetune_metric_chunk" VALUES(8,'at_4q9xten32r5vwz','dev_accuracy',0,1,100,1,NULL,X'0000003F');
INSERT INTO "stagetune_metric_chunk" VALUES(9,'at_thh9bkgyrrk15r','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(10,'at_kywzar9ezm42k5','loss',0,1,3,1,NULL,X'0000A03F');
CREATE TABLE stagetune_metric_summary (
	trial_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	last_step INTEGER NOT NULL, 
	last DOUBLE, 
	minimum DOUBLE, 
	maximum DOUBLE, 
	count INTEGER NOT NULL, thinned BLOB, 
	CONSTRAINT pk_stagetune_metric_summary PRIMARY KEY (trial_id, name), 
	CONSTRAINT fk_stagetune_metric_summary_trial_id FOREIGN KEY(trial_id) REFERENCES stagetune_trial (id)
);
INSERT INTO "stagetune_metric_summary" VALUES('tr_ymztcmjdkhagrd','loss',8,0.25,0.25,2.0,8,X'0100000000000040020000000000803F03000000ABAA2A3F040000000000003F05000000CDCCCC3E06000000ABAAAA3E070000002549923E080000000000803E');
INSERT INTO "stagetune_metric_summary" VALUES('tr_ymztcmjdkhagrd','dev_accuracy',100,0.5,0.5,0.5,1,X'640000000000003F');
INSERT INTO "stagetune_metric_summary" VALUES('tr_9xy1grp4vm1hqz','loss',8,0.25,0.25,2.0,8,X'0100000000000040020000000000803F03000000ABAA2A3F040000000000003F05000000CDCCCC3E06000000ABAAAA3E070000002549923E080000000000803E');
INSERT INTO "stagetune_metric_summary" VALUES('tr_9xy1grp4vm1hqz','dev_accuracy',100,0.75,0.75,0.75,1,X'640000000000403F');
INSERT INTO "stagetune_metric_summary" VALUES('tr_zjhj4fz6x18q3k','loss',8,0.25,0.25,2.0,8,X'0100000000000040020000000000803F03000000ABAA2A3F040000000000003F05000000CDCCCC3E06000000ABAAAA3E070000002549923E080000000000803E');
INSERT INTO "stagetune_metric_summary" VALUES('tr_zjhj4fz6x18q3k','dev_accuracy',100,0.625,0.625,0.625,1,X'640000000000203F');
INSERT INTO "stagetune_metric_summary" VALUES('tr_cet532a5wyfzhq','loss',8,0.25,0.25,2.0,8,X'0100000000000040020000000000803F03000000ABAA2A3F040000000000003F05000000CDCCCC3E06000000ABAAAA3E070000002549923E080000000000803E');
INSERT INTO "stagetune_metric_summary" VALUES('tr_cet532a5wyfzhq','dev_accuracy',100,0.5,0.5,0.5,1,X'640000000000003F');
INSERT INTO "stagetune_metric_summary" VALUES('tr_p0bwvkdt1t1g0n','loss',3,1.25,1.25,2.0,3,X'0100000000000040020000000000C03F030000000000A03F');
CREATE TABLE stagetune_poison (
	id INTEGER NOT NULL, 
	place TEXT NOT NULL, 
	study_id TEXT NOT NULL, 
	trial_id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	error TEXT NOT NULL, 
	found_at DOUBLE NOT NULL, 
	CONSTRAINT pk_stagetune_poison PRIMARY KEY (id)
);
INSERT INTO "stagetune_poison" VALUES(1,'stagetune_trial.params','st_awj18wdaxwdtpy','tr_jxy0sverm6w150','{"half of','Unterminated string starting at: line 1 column 2 (char 1)',1.79539423472901725768e+09);
CREATE TABLE stagetune_run_profile (
	run_class TEXT NOT NULL, 
	device_model TEXT NOT NULL, 
	label TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	measured_at DOUBLE NOT NULL, 
	CONSTRAINT pk_stagetune_run_profile PRIMARY KEY (run_class, device_model)
);
CREATE TABLE stagetune_session (
	key_hash TEXT NOT NULL, 
	token_id TEXT, 
	binding TEXT NOT NULL, 
	opened_at DOUBLE NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	CONSTRAINT pk_stagetune_session PRIMARY KEY (key_hash), 
	CONSTRAINT fk_stagetune_session_token_id FOREIGN KEY(token_id) REFERENCES stagetune_token (id)
);
INSERT INTO "stagetune_session" VALUES('d4c3e8a11256ab82a4fc72560eb4a2b0e87bad820c290dd9b03616de240aa6db','tk_ada','',1.79539423466198897359e+09,1.79539423466198897359e+09);
CREATE TABLE stagetune_stage (
	study_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	approved BOOLEAN NOT NULL, 
	decision TEXT, 
	opened_at DOUBLE, 
	closed_at DOUBLE, 
	CONSTRAINT pk_stagetune_stage PRIMARY KEY (study_id, kind), 
	CONSTRAINT ck_stagetune_stage_state CHECK (state IN ('pending', 'awaiting_approval', 'running', 'completed', 'failed', 'cancelled')), 
	CONSTRAINT fk_stagetune_stage_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT uq_stagetune_stage_study_id_position UNIQUE (study_id, position)
);
INSERT INTO "stagetune_stage" VALUES('st_d3hfypnbgs40xv','lr_sweep',0,'completed',0,'{"rule":"fastest and deepest curve (guide, stage 1)","choice":{"lr":0.1,"num_steps":100},"reason":"lr 0.1 fell fastest and deepest","evidence":{"noise":0.01,"ranking":[1,2]},"runners_up":[],"what_would_flip_it":"a loss at lr 0.03 that is lower by 0.02","candidates":[{"trial_id":"tr_9xy1grp4vm1hqz","params":{"lr":0.1},"schedule":{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0},"num_steps":100,"score":null,"note":""}],"warnings":[]}',1.7953942338590159416e+09,1.79539423407498741147e+09);
INSERT INTO "stagetune_stage" VALUES('st_jfvj7j7g660zyd','lr_sweep',0,'completed',0,'{"rule":"fastest and deepest curve (guide, stage 1)","choice":{"lr":0.1,"num_steps":100},"reason":"lr 0.1 fell fastest and deepest","evidence":{"noise":0.01,"ranking":[1,2]},"runners_up":[],"what_would_flip_it":"a loss at lr 0.03 that is lower by 0.02","candidates":[{"trial_id":"tr_zjhj4fz6x18q3k","params":{"lr":0.1},"schedule":{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0},"num_steps":100,"score":null,"note":""}],"warnings":[]}',1.79539423410999035837e+09,1.79539423420900392525e+09);
INSERT INTO "stagetune_stage" VALUES('st_jfvj7j7g660zyd','batch_momentum',1,'awaiting_approval',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_jfvj7j7g660zyd','decay_schedule',2,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_56d5kh67ype2fw','lr_sweep',0,'cancelled',0,NULL,1.79539423424698400496e+09,1.79539423425800800321e+09);
INSERT INTO "stagetune_stage" VALUES('st_56d5kh67ype2fw','batch_momentum',1,'cancelled',0,NULL,NULL,1.79539423425800800321e+09);
INSERT INTO "stagetune_stage" VALUES('st_56d5kh67ype2fw','decay_schedule',2,'cancelled',0,NULL,NULL,1.79539423425800800321e+09);
INSERT INTO "stagetune_stage" VALUES('st_4sg2mz7mfchyda','lr_sweep',0,'running',0,NULL,1.79539423427900981904e+09,NULL);
INSERT INTO "stagetune_stage" VALUES('st_4sg2mz7mfchyda','batch_momentum',1,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_4sg2mz7mfchyda','decay_schedule',2,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_f95vq7feqwg4n9','lr_sweep',0,'running',0,NULL,1.79539423436301660537e+09,NULL);
INSERT INTO "stagetune_stage" VALUES('st_f95vq7feqwg4n9','batch_momentum',1,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_f95vq7feqwg4n9','decay_schedule',2,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_awj18wdaxwdtpy','lr_sweep',0,'running',0,NULL,1.79539423467498421675e+09,NULL);
INSERT INTO "stagetune_stage" VALUES('st_awj18wdaxwdtpy','batch_momentum',1,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_awj18wdaxwdtpy','decay_schedule',2,'pending',0,NULL,NULL,NULL);
CREATE TABLE stagetune_study (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	best_trial_id TEXT, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	idempotency_key TEXT, 
	document_hash TEXT NOT NULL, 
	CONSTRAINT pk_stagetune_study PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_study_state CHECK (state IN ('queued', 'running', 'paused', 'awaiting_approval', 'completed', 'failed', 'cancelled')), 
	CONSTRAINT uq_stagetune_study_idempotency_key UNIQUE (idempotency_key), 
	CONSTRAINT uq_stagetune_study_name UNIQUE (name)
);
INSERT INTO "stagetune_study" VALUES('st_d3hfypnbgs40xv','ended','{"name":"ended","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0}],"gates":"auto","stall_timeout":1800.0,"max_attempts":2}','completed','all stages are decided',3,'tr_9xy1grp4vm1hqz',1.79539423369498538974e+09,1.79539423409401774408e+09,NULL,'ac81909ef68621d4597f0e0141128904d08576684fdf2e2507b6d9a91c64c5ee');
INSERT INTO "stagetune_study" VALUES('st_jfvj7j7g660zyd','gated','{"name":"gated","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto","stall_timeout":1800.0,"max_attempts":2}','awaiting_approval','the next stage waits for approval',3,NULL,1.79539423409800076485e+09,1.79539423423101162907e+09,NULL,'74e2a78119d15b8a6cd130fee4b3badcf9f4d263bdcd0cd0856befc15f021106');
INSERT INTO "stagetune_study" VALUES('st_56d5kh67ype2fw','cancelled','{"name":"cancelled","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto","stall_timeout":1800.0,"max_attempts":2}','cancelled','on a person''s command',2,NULL,1.79539423424199533459e+09,1.79539423425800800321e+09,NULL,'04950ef1797a2b5c0c96084829385aaa58e511b2b05eb1e8000d5b4643983919');
INSERT INTO "stagetune_study" VALUES('st_4sg2mz7mfchyda','paused','{"name":"paused","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto","stall_timeout":1800.0,"max_attempts":2}','paused','',2,NULL,1.7953942342739806175e+09,1.79539423434100890155e+09,NULL,'f6de8e1e5cdfcb16c795ed7078a25c5f273f0f0870394ad89c0a1269d9323bae');
INSERT INTO "stagetune_study" VALUES('st_f95vq7feqwg4n9','in-use','{"name":"in-use","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto","stall_timeout":1800.0,"max_attempts":2}','running','',1,NULL,1795394234.35501,1.79539423436301660537e+09,NULL,'cc99ea7126af74cfce8bb4462f9b97eb659d389c18979487834edbaeebef6f0a');
INSERT INTO "stagetune_study" VALUES('st_awj18wdaxwdtpy','spoiled','{"name":"spoiled","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto","stall_timeout":1800.0,"max_attempts":2}','running','',1,NULL,1.79539423466601228709e+09,1.79539423467498421675e+09,NULL,'b5d42a459365cf03afaaea2c204902e0860f79dc8ca85c9aac45157b3f621171');
CREATE TABLE stagetune_token (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	secret_hash TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	expires_at DOUBLE, 
	revoked_at DOUBLE, 
	last_used_at DOUBLE, 
	CONSTRAINT pk_stagetune_token PRIMARY KEY (id), 
	CONSTRAINT uq_stagetune_token_secret_hash UNIQUE (secret_hash)
);
INSERT INTO "stagetune_token" VALUES('tk_ada','ada','["read", "submit"]','fdee430d40bd57deeac186cd9790033d0f06f909a8806e7ce6e717ab7c7d5029',1.79539423463398671153e+09,NULL,NULL,1.79539423465498828883e+09);
INSERT INTO "stagetune_token" VALUES('tk_gone','gone','["read"]','283bb9deef02e6843abfb538efa1eca70801bd8a701c3f98191e123496339247',1.79539423464199304585e+09,NULL,1.79539423464999938016e+09,NULL);
INSERT INTO "stagetune_token" VALUES('tk_old','old','["read"]','cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4',1.79539423464299893384e+09,1.79539423464399886128e+09,NULL,NULL);
CREATE TABLE stagetune_trial (
	id TEXT NOT NULL, 
	study_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	params TEXT NOT NULL, 
	schedule TEXT NOT NULL, 
	num_steps INTEGER NOT NULL, 
	seed INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	ended_because TEXT NOT NULL, 
	parent_id TEXT, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	attempts INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	expiries INTEGER NOT NULL, 
	last_step INTEGER NOT NULL, 
	optuna_number INTEGER, alone BOOLEAN DEFAULT 0 NOT NULL, failed_on TEXT DEFAULT '' NOT NULL, failed_at DOUBLE, touched INTEGER DEFAULT '0' NOT NULL, score DOUBLE, points INTEGER DEFAULT '0' NOT NULL, bytes INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_stagetune_trial PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_trial_state CHECK (state IN ('waiting', 'running', 'completed', 'diverged', 'pruned', 'failed', 'cancelled')), 
	CONSTRAINT fk_stagetune_trial_study_id_stage FOREIGN KEY(study_id, stage) REFERENCES stagetune_stage (study_id, kind), 
	CONSTRAINT fk_stagetune_trial_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT uq_stagetune_trial_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT uq_stagetune_trial_study_id_stage_key UNIQUE (study_id, stage, "key")
);
INSERT INTO "stagetune_trial" VALUES('tr_ymztcmjdkhagrd','st_d3hfypnbgs40xv',0,'lr=0.1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1.7953942338590159416e+09,1.79539423393401050563e+09,1.79539423398301458355e+09,1,0,0,100,NULL,0,'',NULL,5,0.5,9,79);
INSERT INTO "stagetune_trial" VALUES('tr_9xy1grp4vm1hqz','st_d3hfypnbgs40xv',1,'lr=0.03','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1.7953942338590159416e+09,1.79539423401298809052e+09,1.79539423403801321984e+09,1,0,0,100,NULL,0,'',NULL,9,0.75,9,79);
INSERT INTO "stagetune_trial" VALUES('tr_zjhj4fz6x18q3k','st_jfvj7j7g660zyd',0,'lr=0.1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1.79539423410999035837e+09,1.79539423414398717883e+09,1.79539423417798423769e+09,1,0,0,100,NULL,0,'',NULL,5,0.625,9,79);
INSERT INTO "stagetune_trial" VALUES('tr_0xwt5zarfvjgz7','st_56d5kh67ype2fw',0,'lr=1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'cancelled','a point of the coarse grid','the study is cancelled',NULL,1.79539423424698400496e+09,NULL,1.79539423425800800321e+09,0,0,0,0,NULL,0,'',NULL,2,NULL,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_cet532a5wyfzhq','st_4sg2mz7mfchyda',0,'lr=0.1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1.79539423427900981904e+09,1.79539423430198287964e+09,1.79539423432600212101e+09,1,0,0,100,NULL,0,'',NULL,5,0.5,9,79);
INSERT INTO "stagetune_trial" VALUES('tr_d73e6y70y817bq','st_4sg2mz7mfchyda',1,'lr=0.03','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79539423427900981904e+09,NULL,NULL,0,0,0,0,NULL,0,'',NULL,1,NULL,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_p0bwvkdt1t1g0n','st_f95vq7feqwg4n9',0,'lr=0','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'running','a point of the coarse grid','',NULL,1.79539423436301660537e+09,1.79539423440799713127e+09,NULL,3,1,0,3,NULL,0,'wk_0bghcfqk2w9qp8',1.79539423441801524166e+09,12,NULL,3,12);
INSERT INTO "stagetune_trial" VALUES('tr_ydybydz9zf4w1f','st_f95vq7feqwg4n9',1,'lr=1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79539423436301660537e+09,1.79539423444698309894e+09,NULL,1,1,0,0,NULL,0,'wk_0bghcfqk2w9qp8',1.7953942344580068588e+09,5,NULL,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_jnnj0p47cdthsf','st_f95vq7feqwg4n9',2,'lr=2','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79539423436301660537e+09,1.79539423448299169535e+09,NULL,1,1,0,0,NULL,0,'wk_0bghcfqk2w9qp8',1.79539423449401569369e+09,7,NULL,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_7d9wye3me1stev','st_f95vq7feqwg4n9',3,'lr=3','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79539423436301660537e+09,NULL,NULL,0,0,0,0,NULL,0,'',NULL,1,NULL,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_7j6cm3pb2ahyb4','st_f95vq7feqwg4n9',4,'lr=4','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79539423436301660537e+09,NULL,NULL,0,0,0,0,NULL,0,'',NULL,1,NULL,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_jxy0sverm6w150','st_awj18wdaxwdtpy',0,'lr=0.1','lr_sweep','{}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'failed','a point of the coarse grid','poisoned: stagetune_trial.params cannot be read (Unterminated string starting at: line 1 column 2 (char 1)); what stood there is kept in stagetune_poison, a harmless value stands in its place',NULL,1.79539423467498421675e+09,NULL,1.79539423472901725768e+09,0,0,0,0,NULL,0,'',NULL,3,NULL,0,0);
CREATE TABLE stagetune_worker (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	hostname TEXT NOT NULL, 
	version TEXT NOT NULL, 
	objectives TEXT NOT NULL, 
	allow TEXT NOT NULL, 
	registered_at DOUBLE NOT NULL, 
	last_sync_at DOUBLE NOT NULL, hold TEXT, held_because TEXT DEFAULT '' NOT NULL, held_at DOUBLE, failing TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_stagetune_worker PRIMARY KEY (id)
);
INSERT INTO "stagetune_worker" VALUES('wk_rzt09p02kq62e5','north','north.example','0.1.0','["image_classification"]','[]',1.79539423387800598148e+09,1.79539423403801321984e+09,NULL,'',NULL,'[]');
INSERT INTO "stagetune_worker" VALUES('wk_pc26mbnn5qrz1g','north','north.example','0.1.0','["image_classification"]','[]',1.7953942341260030269e+09,1.79539423417798423769e+09,NULL,'',NULL,'[]');
INSERT INTO "stagetune_worker" VALUES('wk_5mc272gz74e9fk','south','south.example','0.1.0','["image_classification"]','[]',1.79539423428999328612e+09,1.79539423432600212101e+09,'draining','It was taken out of service: what runs goes on to its end, nothing new begins.',1.79539423463100934023e+09,'[]');
INSERT INTO "stagetune_worker" VALUES('wk_0bghcfqk2w9qp8','bad','bad.example','0.1.0','["image_classification"]','[]',1.79539423437001705169e+09,1.79539423449401569369e+09,'quarantined','The last 3 trials it was given failed on it and on no other node; good and 2 more could take them.',1.79539423449401569369e+09,'["tr_p0bwvkdt1t1g0n", "tr_ydybydz9zf4w1f", "tr_jnnj0p47cdthsf"]');
INSERT INTO "stagetune_worker" VALUES('wk_36xhj7k3qrfb5s','good','good.example','0.1.0','["image_classification"]','[]',1.79539423438200664517e+09,1.79539423461600255961e+09,NULL,'',NULL,'[]');
CREATE INDEX ix_stagetune_study_state ON stagetune_study (state);
CREATE INDEX ix_stagetune_trial_study_id_state ON stagetune_trial (study_id, state);
CREATE INDEX ix_stagetune_worker_last_sync_at ON stagetune_worker (last_sync_at);
CREATE INDEX ix_stagetune_event_study_id_id ON stagetune_event (study_id, id);
CREATE INDEX ix_stagetune_attempt_running_worker ON stagetune_attempt (worker_id) WHERE state = 'running';
CREATE UNIQUE INDEX uq_stagetune_attempt_one_running_per_trial ON stagetune_attempt (trial_id) WHERE state = 'running';
CREATE INDEX ix_stagetune_event_metrics ON stagetune_event (study_id, at) WHERE kind = 'metrics';
CREATE INDEX ix_stagetune_trial_study_id_touched ON stagetune_trial (study_id, touched);
CREATE INDEX ix_stagetune_trial_unrecorded ON stagetune_trial (study_id, stage, number) WHERE optuna_number IS NULL;
CREATE INDEX ix_stagetune_trial_waiting ON stagetune_trial (study_id, alone, number) WHERE state = 'waiting';
CREATE INDEX ix_stagetune_trial_study_id_stage_number ON stagetune_trial (study_id, stage, number);
CREATE INDEX ix_stagetune_trial_unfinished ON stagetune_trial (study_id, number) WHERE ended_at IS NULL;
CREATE INDEX ix_stagetune_trial_scored ON stagetune_trial (study_id, score, number, stage) WHERE score IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('stagetune_event',65);
COMMIT;
