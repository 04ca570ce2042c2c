BEGIN TRANSACTION;
CREATE TABLE stagetune_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT stagetune_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "stagetune_alembic_version" VALUES('0002');
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
	width INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_stagetune_attempt PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_attempt_state CHECK (state IN ('running', 'completed', 'diverged', 'stopped', 'preempted', 'evicted', 'failed', 'expired')), 
	CONSTRAINT fk_stagetune_attempt_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT fk_stagetune_attempt_trial_id FOREIGN KEY(trial_id) REFERENCES stagetune_trial (id), 
	CONSTRAINT fk_stagetune_attempt_worker_id FOREIGN KEY(worker_id) REFERENCES stagetune_worker (id), 
	CONSTRAINT uq_stagetune_attempt_trial_id_ordinal UNIQUE (trial_id, ordinal)
);
INSERT INTO "stagetune_attempt" VALUES('at_fb6d9qp765patw','tr_cdex4rmxcbfkn4','st_4mbsvkpxshb30j',0,'wk_a7jtxnh5hypw6x','cuda:0','b041ff85badd656049c5d6530a12f96d','completed','',NULL,0,2,'',1.7953843211899905204e+09,1.79538432120600342746e+09,1.7953843512060034275e+09,0,NULL,0);
INSERT INTO "stagetune_attempt" VALUES('at_853rxaet3x3yyf','tr_97yghfqjexqn67','st_1trjtpg5tsftwa',0,'wk_a7jtxnh5hypw6x','cuda:0','7ef77a29b8797c2739f2d0e1e2541077','completed','',NULL,0,3,'',1.79538432125098419188e+09,1.79538432130598282808e+09,1.79538435130598282812e+09,0,'batched',6);
INSERT INTO "stagetune_attempt" VALUES('at_xqnmphqemf0kn1','tr_zpdq57jmc68v9r','st_1trjtpg5tsftwa',0,'wk_a7jtxnh5hypw6x','cuda:0','32ac084843acc5d8000484517d2c876e','diverged','the loss was nan',NULL,0,2,'',1.79538432125098419188e+09,1.79538432130598282808e+09,1.79538435130598282812e+09,0,'batched',6);
INSERT INTO "stagetune_attempt" VALUES('at_brfaqr5jhv83my','tr_pzzbva5gzzsz9r','st_1trjtpg5tsftwa',0,'wk_a7jtxnh5hypw6x','cuda:0','a8c85e0e6be59bda56a3ac13970a426f','evicted','out of memory',NULL,0,1,'',1.79538432125098419188e+09,1.79538432130598282808e+09,1.79538435130598282812e+09,0,'batched',6);
INSERT INTO "stagetune_attempt" VALUES('at_xs37j8g398bdty','tr_ds33c9ytf7wy21','st_1trjtpg5tsftwa',0,'wk_a7jtxnh5hypw6x','cuda:0','a0dc951b16472cd3b70996666429dfc3','preempted','the worker is shutting down',NULL,0,1,'',1.79538432125098419188e+09,1.79538432130598282808e+09,1.79538435130598282812e+09,0,'batched',6);
INSERT INTO "stagetune_attempt" VALUES('at_87ss0me6veh6fz','tr_fg3kv0a3gd4bm1','st_1trjtpg5tsftwa',0,'wk_a7jtxnh5hypw6x','cuda:0','257228a7c76b61071f4b37d2aed05811','failed','exit code 1',NULL,0,1,'',1.79538432125098419188e+09,1.79538432130598282808e+09,1.79538435130598282812e+09,0,'batched',6);
INSERT INTO "stagetune_attempt" VALUES('at_wx7p312ka1hx02','tr_6ms0jbb1ataq6e','st_1trjtpg5tsftwa',0,'wk_a7jtxnh5hypw6x','cuda:0','96e408c158d602564110b658765391b4','stopped','worse than all finished ones',NULL,0,1,'worse than all finished ones',1.79538432125098419188e+09,1.79538432130598282808e+09,1.79538435130598282812e+09,0,'batched',6);
INSERT INTO "stagetune_attempt" VALUES('at_sdn1nz73qes291','tr_ds33c9ytf7wy21','st_1trjtpg5tsftwa',1,'wk_a7jtxnh5hypw6x','cuda:0','daeec35401813002db4fd6700e0cfb37','expired','its worker was not heard of for a whole lease',NULL,0,0,'',1.79538432131398916239e+09,1.79538432143199300772e+09,1.7953843213239891529e+09,0,NULL,0);
INSERT INTO "stagetune_attempt" VALUES('at_g9e2awbtnw7n68','tr_ds33c9ytf7wy21','st_1trjtpg5tsftwa',2,'wk_a7jtxnh5hypw6x','cuda:0','95aadc3f61adf048432915605bfa20af','running','',NULL,2,1,'',1.7953843214369819164e+09,NULL,1.79538435144398236279e+09,0,'serial',1);
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
INSERT INTO "stagetune_decision" VALUES('de_rv16yhx2r4b7ky','st_4mbsvkpxshb30j',0,'lr_sweep',1.79538432121899867058e+09,'{"rule":"fastest and deepest curve (guide, stage 1)","choice":{"lr":0.1,"num_steps":100},"reason":"lr 0.1 fell fastest and deepest","evidence":{"noise":0.01,"ranking":[1,2]},"runners_up":[],"what_would_flip_it":"a loss at lr 0.03 that is lower by 0.02","candidates":[{"trial_id":"tr_cdex4rmxcbfkn4","params":{"lr":0.1},"schedule":{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0},"num_steps":100,"score":null,"note":""}],"warnings":[]}');
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
INSERT INTO "stagetune_device" VALUES('wk_a7jtxnh5hypw6x','cuda:0',0,'Imaginary 9000',25769803776,3221225472,0,'{"utilization":0.5,"room":{},"packs":[{"run_class":"function/941880997f9abb1d","engine":"serial","attempts":["at_g9e2awbtnw7n68"],"samples_per_second":11000.0,"alone_rate":null,"memory_bytes":null,"note":""}],"mps":true}');
CREATE TABLE stagetune_event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	study_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	trial_id TEXT, 
	message TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	CONSTRAINT fk_stagetune_event_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id)
);
INSERT INTO "stagetune_event" VALUES(1,'st_4mbsvkpxshb30j','study',NULL,'queued',1.7953843211720063686e+09);
INSERT INTO "stagetune_event" VALUES(2,'st_4mbsvkpxshb30j','study',NULL,'running',1795384321.18299);
INSERT INTO "stagetune_event" VALUES(3,'st_4mbsvkpxshb30j','stage',NULL,'lr_sweep opened',1795384321.18299);
INSERT INTO "stagetune_event" VALUES(4,'st_4mbsvkpxshb30j','trial','tr_cdex4rmxcbfkn4','trial 0 (lr=0.1) added: a point of the coarse grid',1795384321.18299);
INSERT INTO "stagetune_event" VALUES(5,'st_4mbsvkpxshb30j','trial','tr_cdex4rmxcbfkn4','trial 0 (lr=0.1) started on cuda:0 of old-node',1.7953843211899905204e+09);
INSERT INTO "stagetune_event" VALUES(6,'st_4mbsvkpxshb30j','metrics','tr_cdex4rmxcbfkn4','trial 0 (lr=0.1) at step 2',1.79538432120600342746e+09);
INSERT INTO "stagetune_event" VALUES(7,'st_4mbsvkpxshb30j','trial','tr_cdex4rmxcbfkn4','trial 0 (lr=0.1) completed',1.79538432120600342746e+09);
INSERT INTO "stagetune_event" VALUES(8,'st_4mbsvkpxshb30j','decision',NULL,'lr 0.1 fell fastest and deepest',1.79538432121899867058e+09);
INSERT INTO "stagetune_event" VALUES(9,'st_4mbsvkpxshb30j','stage',NULL,'lr_sweep completed',1.79538432121899867058e+09);
INSERT INTO "stagetune_event" VALUES(10,'st_4mbsvkpxshb30j','study',NULL,'completed: all stages have decided',1.79538432121899867058e+09);
INSERT INTO "stagetune_event" VALUES(11,'st_tjxcfhcvx85jkm','study',NULL,'queued',1.79538432122398757938e+09);
INSERT INTO "stagetune_event" VALUES(12,'st_tjxcfhcvx85jkm','study',NULL,'running',1.79538432122998237606e+09);
INSERT INTO "stagetune_event" VALUES(13,'st_tjxcfhcvx85jkm','stage',NULL,'lr_sweep opened',1.79538432122998237606e+09);
INSERT INTO "stagetune_event" VALUES(14,'st_tjxcfhcvx85jkm','trial','tr_4ryk2yfamgnk50','trial 0 (lr=1) added: a point of the coarse grid',1.79538432122998237606e+09);
INSERT INTO "stagetune_event" VALUES(15,'st_tjxcfhcvx85jkm','trial','tr_4ryk2yfamgnk50','trial 0 (lr=1) cancelled: the study is cancelled',1.79538432123400568964e+09);
INSERT INTO "stagetune_event" VALUES(16,'st_tjxcfhcvx85jkm','stage',NULL,'lr_sweep cancelled',1.79538432123400568964e+09);
INSERT INTO "stagetune_event" VALUES(17,'st_tjxcfhcvx85jkm','stage',NULL,'batch_momentum cancelled',1.79538432123400568964e+09);
INSERT INTO "stagetune_event" VALUES(18,'st_tjxcfhcvx85jkm','stage',NULL,'decay_schedule cancelled',1.79538432123400568964e+09);
INSERT INTO "stagetune_event" VALUES(19,'st_tjxcfhcvx85jkm','study',NULL,'cancelled: on a person''s command',1.79538432123400568964e+09);
INSERT INTO "stagetune_event" VALUES(20,'st_1trjtpg5tsftwa','study',NULL,'queued',1.79538432124398350713e+09);
INSERT INTO "stagetune_event" VALUES(21,'st_1trjtpg5tsftwa','study',NULL,'running',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(22,'st_1trjtpg5tsftwa','stage',NULL,'lr_sweep opened',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(23,'st_1trjtpg5tsftwa','trial','tr_97yghfqjexqn67','trial 0 (lr=0.1) added: a point of the coarse grid',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(24,'st_1trjtpg5tsftwa','trial','tr_zpdq57jmc68v9r','trial 1 (lr=0.03) added: a point of the coarse grid',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(25,'st_1trjtpg5tsftwa','trial','tr_pzzbva5gzzsz9r','trial 2 (lr=0.01) added: a point of the coarse grid',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(26,'st_1trjtpg5tsftwa','trial','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) added: a point of the coarse grid',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(27,'st_1trjtpg5tsftwa','trial','tr_fg3kv0a3gd4bm1','trial 4 (lr=0.001) added: a point of the coarse grid',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(28,'st_1trjtpg5tsftwa','trial','tr_6ms0jbb1ataq6e','trial 5 (lr=1) added: a point of the coarse grid',1.79538432124700093267e+09);
INSERT INTO "stagetune_event" VALUES(29,'st_1trjtpg5tsftwa','trial','tr_97yghfqjexqn67','trial 0 (lr=0.1) started on cuda:0 of old-node',1.79538432125098419188e+09);
INSERT INTO "stagetune_event" VALUES(30,'st_1trjtpg5tsftwa','trial','tr_zpdq57jmc68v9r','trial 1 (lr=0.03) started on cuda:0 of old-node',1.79538432125098419188e+09);
INSERT INTO "stagetune_event" VALUES(31,'st_1trjtpg5tsftwa','trial','tr_pzzbva5gzzsz9r','trial 2 (lr=0.01) started on cuda:0 of old-node',1.79538432125098419188e+09);
INSERT INTO "stagetune_event" VALUES(32,'st_1trjtpg5tsftwa','trial','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) started on cuda:0 of old-node',1.79538432125098419188e+09);
INSERT INTO "stagetune_event" VALUES(33,'st_1trjtpg5tsftwa','trial','tr_fg3kv0a3gd4bm1','trial 4 (lr=0.001) started on cuda:0 of old-node',1.79538432125098419188e+09);
INSERT INTO "stagetune_event" VALUES(34,'st_1trjtpg5tsftwa','trial','tr_6ms0jbb1ataq6e','trial 5 (lr=1) started on cuda:0 of old-node',1.79538432125098419188e+09);
INSERT INTO "stagetune_event" VALUES(35,'st_1trjtpg5tsftwa','metrics','tr_97yghfqjexqn67','trial 0 (lr=0.1) at step 2',1.79538432126200795174e+09);
INSERT INTO "stagetune_event" VALUES(36,'st_1trjtpg5tsftwa','metrics','tr_zpdq57jmc68v9r','trial 1 (lr=0.03) at step 2',1.79538432126200795174e+09);
INSERT INTO "stagetune_event" VALUES(37,'st_1trjtpg5tsftwa','metrics','tr_pzzbva5gzzsz9r','trial 2 (lr=0.01) at step 2',1.79538432126200795174e+09);
INSERT INTO "stagetune_event" VALUES(38,'st_1trjtpg5tsftwa','metrics','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) at step 2',1.79538432126200795174e+09);
INSERT INTO "stagetune_event" VALUES(39,'st_1trjtpg5tsftwa','metrics','tr_fg3kv0a3gd4bm1','trial 4 (lr=0.001) at step 2',1.79538432126200795174e+09);
INSERT INTO "stagetune_event" VALUES(40,'st_1trjtpg5tsftwa','metrics','tr_6ms0jbb1ataq6e','trial 5 (lr=1) at step 2',1.79538432126200795174e+09);
INSERT INTO "stagetune_event" VALUES(41,'st_1trjtpg5tsftwa','trial','tr_6ms0jbb1ataq6e','trial 5 (lr=1) pruned: worse than all finished ones',1.79538432130300545691e+09);
INSERT INTO "stagetune_event" VALUES(42,'st_1trjtpg5tsftwa','trial','tr_97yghfqjexqn67','trial 0 (lr=0.1) completed',1.79538432130598282808e+09);
INSERT INTO "stagetune_event" VALUES(43,'st_1trjtpg5tsftwa','trial','tr_zpdq57jmc68v9r','trial 1 (lr=0.03) diverged: the loss was nan',1.79538432130598282808e+09);
INSERT INTO "stagetune_event" VALUES(44,'st_1trjtpg5tsftwa','trial','tr_pzzbva5gzzsz9r','trial 2 (lr=0.01) waits again, its attempt was evicted: out of memory',1.79538432130598282808e+09);
INSERT INTO "stagetune_event" VALUES(45,'st_1trjtpg5tsftwa','trial','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) waits again, its attempt was preempted: the worker is shutting down',1.79538432130598282808e+09);
INSERT INTO "stagetune_event" VALUES(46,'st_1trjtpg5tsftwa','trial','tr_fg3kv0a3gd4bm1','trial 4 (lr=0.001) waits again, its attempt was failed: exit code 1',1.79538432130598282808e+09);
INSERT INTO "stagetune_event" VALUES(47,'st_1trjtpg5tsftwa','trial','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) started on cuda:0 of old-node',1.79538432131398916239e+09);
INSERT INTO "stagetune_event" VALUES(48,'st_1trjtpg5tsftwa','trial','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) waits again, its attempt was expired: its worker was not heard of for a whole lease',1.79538432143199300772e+09);
INSERT INTO "stagetune_event" VALUES(49,'st_1trjtpg5tsftwa','trial','tr_ds33c9ytf7wy21','trial 3 (lr=0.003) started on cuda:0 of old-node',1.7953843214369819164e+09);
INSERT INTO "stagetune_event" VALUES(50,'st_d15je67bhb2mas','study',NULL,'queued',1.79538432145299458502e+09);
CREATE TABLE stagetune_log_chunk (
	attempt_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	length INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_stagetune_log_chunk PRIMARY KEY (attempt_id, sequence), 
	CONSTRAINT fk_stagetune_log_chunk_attempt_id FOREIGN KEY(attempt_id) REFERENCES stagetune_attempt (id)
);
INSERT INTO "stagetune_log_chunk" VALUES('at_fb6d9qp765patw',0,5,'fine
');
INSERT INTO "stagetune_log_chunk" VALUES('at_853rxaet3x3yyf',0,6,'begun
');
INSERT INTO "stagetune_log_chunk" VALUES('at_xqnmphqemf0kn1',0,6,'begun
');
INSERT INTO "stagetune_log_chunk" VALUES('at_brfaqr5jhv83my',0,6,'begun
');
INSERT INTO "stagetune_log_chunk" VALUES('at_xs37j8g398bdty',0,6,'begun
');
INSERT INTO "stagetune_log_chunk" VALUES('at_87ss0me6veh6fz',0,6,'begun
');
INSERT INTO "stagetune_log_chunk" VALUES('at_wx7p312ka1hx02',0,6,'begun
');
INSERT INTO "stagetune_log_chunk" VALUES('at_g9e2awbtnw7n68',0,8,'resumed
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
INSERT INTO "stagetune_metric_chunk" VALUES(1,'at_fb6d9qp765patw','loss',0,2,1,1,NULL,X'000000400000803F');
INSERT INTO "stagetune_metric_chunk" VALUES(2,'at_fb6d9qp765patw','dev_accuracy',0,2,1,1,NULL,X'0000803E0000403F');
INSERT INTO "stagetune_metric_chunk" VALUES(3,'at_853rxaet3x3yyf','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(4,'at_xqnmphqemf0kn1','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(5,'at_brfaqr5jhv83my','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(6,'at_xs37j8g398bdty','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(7,'at_87ss0me6veh6fz','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(8,'at_wx7p312ka1hx02','loss',0,2,1,1,NULL,X'000000400000C03F');
INSERT INTO "stagetune_metric_chunk" VALUES(9,'at_853rxaet3x3yyf','loss',1,1,3,1,NULL,X'0000A03F');
INSERT INTO "stagetune_metric_chunk" VALUES(10,'at_853rxaet3x3yyf','dev_accuracy',0,1,3,1,NULL,X'0000003F');
INSERT INTO "stagetune_metric_chunk" VALUES(11,'at_xqnmphqemf0kn1','loss',1,1,3,1,NULL,X'0000C07F');
INSERT INTO "stagetune_metric_chunk" VALUES(12,'at_g9e2awbtnw7n68','loss',0,1,3,1,NULL,X'0000B03F');
CREATE TABLE stagetune_metric_summary (
	trial_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	last_step INTEGER NOT NULL, 
	last DOUBLE, 
	minimum DOUBLE, 
	maximum DOUBLE, 
	count INTEGER NOT NULL, 
	CONSTRAINT pk_stagetune_metric_summary PRIMARY KEY (trial_id, name), 
	CONSTRAINT fk_stagetune_metric_summary_trial_id FOREIGN KEY(trial_id) REFERENCES stagetune_trial (id)
);
INSERT INTO "stagetune_metric_summary" VALUES('tr_cdex4rmxcbfkn4','loss',2,1.0,1.0,2.0,2);
INSERT INTO "stagetune_metric_summary" VALUES('tr_cdex4rmxcbfkn4','dev_accuracy',2,0.75,0.25,0.75,2);
INSERT INTO "stagetune_metric_summary" VALUES('tr_97yghfqjexqn67','loss',3,1.25,1.25,2.0,3);
INSERT INTO "stagetune_metric_summary" VALUES('tr_zpdq57jmc68v9r','loss',3,NULL,1.5,2.0,3);
INSERT INTO "stagetune_metric_summary" VALUES('tr_pzzbva5gzzsz9r','loss',2,1.5,1.5,2.0,2);
INSERT INTO "stagetune_metric_summary" VALUES('tr_ds33c9ytf7wy21','loss',3,1.375,1.375,2.0,3);
INSERT INTO "stagetune_metric_summary" VALUES('tr_fg3kv0a3gd4bm1','loss',2,1.5,1.5,2.0,2);
INSERT INTO "stagetune_metric_summary" VALUES('tr_6ms0jbb1ataq6e','loss',2,1.5,1.5,2.0,2);
INSERT INTO "stagetune_metric_summary" VALUES('tr_97yghfqjexqn67','dev_accuracy',3,0.5,0.5,0.5,1);
CREATE TABLE stagetune_run_profile (
	run_class TEXT NOT NULL, 
	device_model TEXT NOT NULL, 
	label TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	measured_at DOUBLE NOT NULL, 
	CONSTRAINT pk_stagetune_run_profile PRIMARY KEY (run_class, device_model)
);
INSERT INTO "stagetune_run_profile" VALUES('function/941880997f9abb1d','Imaginary 9000','train.py:train, batch size 64, sgd','{"run_class":"function/941880997f9abb1d","device_model":"Imaginary 9000","software":"","engine":"batched","width":8,"processes":null,"base_bytes":1073741824,"member_bytes":209715200,"alone_rate":12000.0,"timings":[{"engine":"serial","width":1,"samples_per_second":12000.0,"memory_bytes":1073741824,"refused":""},{"engine":"batched","width":8,"samples_per_second":40800.0,"memory_bytes":3221225472,"refused":""}],"note":"batched at width 8 is 3.4x as fast"}',1.79538432126200795174e+09);
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
INSERT INTO "stagetune_stage" VALUES('st_4mbsvkpxshb30j','lr_sweep',0,'completed',0,'{"rule":"fastest and deepest curve (guide, stage 1)","choice":{"lr":0.1,"num_steps":100},"reason":"lr 0.1 fell fastest and deepest","evidence":{"noise":0.01,"ranking":[1,2]},"runners_up":[],"what_would_flip_it":"a loss at lr 0.03 that is lower by 0.02","candidates":[{"trial_id":"tr_cdex4rmxcbfkn4","params":{"lr":0.1},"schedule":{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0},"num_steps":100,"score":null,"note":""}],"warnings":[]}',1795384321.18299,1.79538432121899867058e+09);
INSERT INTO "stagetune_stage" VALUES('st_tjxcfhcvx85jkm','lr_sweep',0,'cancelled',0,NULL,1.79538432122998237606e+09,1.79538432123400568964e+09);
INSERT INTO "stagetune_stage" VALUES('st_tjxcfhcvx85jkm','batch_momentum',1,'cancelled',0,NULL,NULL,1.79538432123400568964e+09);
INSERT INTO "stagetune_stage" VALUES('st_tjxcfhcvx85jkm','decay_schedule',2,'cancelled',0,NULL,NULL,1.79538432123400568964e+09);
INSERT INTO "stagetune_stage" VALUES('st_1trjtpg5tsftwa','lr_sweep',0,'running',0,NULL,1.79538432124700093267e+09,NULL);
INSERT INTO "stagetune_stage" VALUES('st_1trjtpg5tsftwa','batch_momentum',1,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_1trjtpg5tsftwa','decay_schedule',2,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_d15je67bhb2mas','lr_sweep',0,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_d15je67bhb2mas','batch_momentum',1,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_d15je67bhb2mas','decay_schedule',2,'pending',0,NULL,NULL,NULL);
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
INSERT INTO "stagetune_study" VALUES('st_4mbsvkpxshb30j','ended','{"name":"ended","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0}],"gates":"auto"}','completed','all stages have decided',2,'tr_cdex4rmxcbfkn4',1.7953843211720063686e+09,1.79538432121899867058e+09,NULL,'be847294d2fed7e8b7858e4635301e677b89d32170949bb2ad79092f5614ac75');
INSERT INTO "stagetune_study" VALUES('st_tjxcfhcvx85jkm','cancelled','{"name":"cancelled","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto"}','cancelled','on a person''s command',2,NULL,1.79538432122398757938e+09,1.79538432123400568964e+09,NULL,'9fe4c366d0f6043f621c2d2c675fc6a6f3cfe96508ea7cfdd6cd33ea92b17193');
INSERT INTO "stagetune_study" VALUES('st_1trjtpg5tsftwa','in-use','{"name":"in-use","objective":{"kind":"function","target":"train.py:train","args":{}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto"}','running','',2,NULL,1.79538432124398350713e+09,1.79538432130300545691e+09,'a-key','d9ca01acd190c0126eb140afaf0881f8d891dd04c52ee472503bed0127b63bcd');
INSERT INTO "stagetune_study" VALUES('st_d15je67bhb2mas','queued','{"name":"queued","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":600,"trials":60},"evaluate_every":50,"defaults":{"lr":0.01,"batch_size":64,"momentum":0.9,"weight_decay":0.0},"space":{},"hold":"epochs","stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1,"free_seeds":0},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto"}','queued','',0,NULL,1.79538432145299458502e+09,1.79538432145299458502e+09,NULL,'90307c6e08d833cf2588be4f51f98474453827f412abd50949d8fe4c2eaa0929');
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
	told_at DOUBLE, 
	optuna_number INTEGER, alone BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_stagetune_trial PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_trial_state CHECK (state IN ('waiting', 'running', 'completed', 'diverged', 'pruned', 'failed', 'cancelled')), 
	CONSTRAINT fk_stagetune_trial_study_id_stage FOREIGN KEY(study_id, stage) REFERENCES stagetune_stage (study_id, kind), 
	CONSTRAINT fk_stagetune_trial_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT uq_stagetune_trial_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT uq_stagetune_trial_study_id_stage_key UNIQUE (study_id, stage, "key")
);
INSERT INTO "stagetune_trial" VALUES('tr_cdex4rmxcbfkn4','st_4mbsvkpxshb30j',0,'lr=0.1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1795384321.18299,1.7953843211899905204e+09,1.79538432120600342746e+09,1,0,0,2,1.79538432120600342746e+09,0,0);
INSERT INTO "stagetune_trial" VALUES('tr_4ryk2yfamgnk50','st_tjxcfhcvx85jkm',0,'lr=1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'cancelled','a point of the coarse grid','the study is cancelled',NULL,1.79538432122998237606e+09,NULL,1.79538432123400568964e+09,0,0,0,0,NULL,NULL,0);
INSERT INTO "stagetune_trial" VALUES('tr_97yghfqjexqn67','st_1trjtpg5tsftwa',0,'lr=0.1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1.79538432124700093267e+09,1.79538432125098419188e+09,1.79538432130598282808e+09,1,0,0,3,1.79538432126200795174e+09,NULL,0);
INSERT INTO "stagetune_trial" VALUES('tr_zpdq57jmc68v9r','st_1trjtpg5tsftwa',1,'lr=0.03','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'diverged','a point of the coarse grid','the loss was nan',NULL,1.79538432124700093267e+09,1.79538432125098419188e+09,1.79538432130598282808e+09,1,0,0,3,1.79538432126200795174e+09,NULL,0);
INSERT INTO "stagetune_trial" VALUES('tr_pzzbva5gzzsz9r','st_1trjtpg5tsftwa',2,'lr=0.01','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79538432124700093267e+09,1.79538432125098419188e+09,NULL,1,0,0,2,1.79538432126200795174e+09,NULL,1);
INSERT INTO "stagetune_trial" VALUES('tr_ds33c9ytf7wy21','st_1trjtpg5tsftwa',3,'lr=0.003','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'running','a point of the coarse grid','',NULL,1.79538432124700093267e+09,1.79538432125098419188e+09,NULL,3,0,1,3,1.79538432126200795174e+09,NULL,0);
INSERT INTO "stagetune_trial" VALUES('tr_fg3kv0a3gd4bm1','st_1trjtpg5tsftwa',4,'lr=0.001','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1.79538432124700093267e+09,1.79538432125098419188e+09,NULL,1,1,0,2,1.79538432126200795174e+09,NULL,0);
INSERT INTO "stagetune_trial" VALUES('tr_6ms0jbb1ataq6e','st_1trjtpg5tsftwa',5,'lr=1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'pruned','a point of the coarse grid','worse than all finished ones',NULL,1.79538432124700093267e+09,1.79538432125098419188e+09,1.79538432130300545691e+09,1,0,0,2,1.79538432126200795174e+09,NULL,0);
CREATE TABLE stagetune_worker (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	hostname TEXT NOT NULL, 
	version TEXT NOT NULL, 
	objectives TEXT NOT NULL, 
	allow TEXT NOT NULL, 
	registered_at DOUBLE NOT NULL, 
	last_sync_at DOUBLE NOT NULL, 
	CONSTRAINT pk_stagetune_worker PRIMARY KEY (id)
);
INSERT INTO "stagetune_worker" VALUES('wk_a7jtxnh5hypw6x','old-node','old-node.example','0.1.0','["image_classification"]','["train.py:*"]',1.7953843211689889431e+09,1.79538432144398236271e+09);
CREATE INDEX ix_stagetune_study_state ON stagetune_study (state);
CREATE INDEX ix_stagetune_trial_study_id_state ON stagetune_trial (study_id, state);
CREATE INDEX ix_stagetune_worker_last_sync_at ON stagetune_worker (last_sync_at);
CREATE INDEX ix_stagetune_event_study_id_id ON stagetune_event (study_id, id);
CREATE INDEX ix_stagetune_attempt_running_lease ON stagetune_attempt (lease_expires_at) WHERE state = 'running';
CREATE INDEX ix_stagetune_attempt_running_worker ON stagetune_attempt (worker_id) WHERE state = 'running';
CREATE UNIQUE INDEX uq_stagetune_attempt_one_running_per_trial ON stagetune_attempt (trial_id) WHERE state = 'running';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('stagetune_event',50);
COMMIT;
