BEGIN TRANSACTION;
CREATE TABLE stagetune_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT stagetune_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "stagetune_alembic_version" VALUES('0001');
CREATE TABLE stagetune_attempt (
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
	CONSTRAINT pk_stagetune_attempt PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_attempt_state CHECK (state IN ('running', 'completed', 'diverged', 'stopped', 'preempted', 'failed', 'expired')), 
	CONSTRAINT fk_stagetune_attempt_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT fk_stagetune_attempt_trial_id FOREIGN KEY(trial_id) REFERENCES stagetune_trial (id), 
	CONSTRAINT fk_stagetune_attempt_worker_id FOREIGN KEY(worker_id) REFERENCES stagetune_worker (id), 
	CONSTRAINT uq_stagetune_attempt_trial_id_ordinal UNIQUE (trial_id, ordinal)
);
INSERT INTO "stagetune_attempt" VALUES('at_hbk4e7r66hrdng','tr_tc9xv6mvejzxzj','st_qpt1ezx2pf8bgf',0,'wk_ca42avjac7a7m4','cpu','7312d07eae482303f1bdec4eadc3bc54','completed','',NULL,0,2,'',1.79537167402700638778e+09,1.79537167405500864983e+09,1.79537170405500864987e+09);
INSERT INTO "stagetune_attempt" VALUES('at_evf02a5dsmbqkb','tr_9dgyaheapn7nk0','st_qpt1ezx2pf8bgf',0,'wk_ca42avjac7a7m4','cpu','2f4de7fcb1ae7359be9064623a7498ee','diverged','the loss was nan',NULL,0,1,'',1.79537167402700638778e+09,1.79537167405500864983e+09,1.79537170405500864987e+09);
INSERT INTO "stagetune_attempt" VALUES('at_b3da5nv47jhvt1','tr_1h3dweyr38zbwf','st_qpt1ezx2pf8bgf',0,'wk_ca42avjac7a7m4','cpu','6e20b3d5ed850ca906b811da596cc89f','running','',NULL,0,1,'',1.79537167402700638778e+09,NULL,1.79537170405500864987e+09);
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
CREATE TABLE stagetune_device (
	worker_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	memory_bytes INTEGER, 
	memory_used_bytes INTEGER, 
	capacity INTEGER NOT NULL, 
	CONSTRAINT pk_stagetune_device PRIMARY KEY (worker_id, name), 
	CONSTRAINT ck_stagetune_device_capacity CHECK (capacity >= 0), 
	CONSTRAINT fk_stagetune_device_worker_id FOREIGN KEY(worker_id) REFERENCES stagetune_worker (id)
);
INSERT INTO "stagetune_device" VALUES('wk_ca42avjac7a7m4','cpu',0,'',NULL,NULL,1);
CREATE TABLE stagetune_event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	study_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	trial_id TEXT, 
	message TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	CONSTRAINT fk_stagetune_event_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id)
);
INSERT INTO "stagetune_event" VALUES(1,'st_qpt1ezx2pf8bgf','study',NULL,'queued',1.79537167395599484443e+09);
INSERT INTO "stagetune_event" VALUES(2,'st_qpt1ezx2pf8bgf','study',NULL,'running',1795371674.00001);
INSERT INTO "stagetune_event" VALUES(3,'st_qpt1ezx2pf8bgf','stage',NULL,'lr_sweep opened',1795371674.00001);
INSERT INTO "stagetune_event" VALUES(4,'st_qpt1ezx2pf8bgf','trial','tr_tc9xv6mvejzxzj','trial 0 (lr=0.1) added: a point of the coarse grid',1795371674.00001);
INSERT INTO "stagetune_event" VALUES(5,'st_qpt1ezx2pf8bgf','trial','tr_9dgyaheapn7nk0','trial 1 (lr=0.01) added: a point of the coarse grid',1795371674.00001);
INSERT INTO "stagetune_event" VALUES(6,'st_qpt1ezx2pf8bgf','trial','tr_1h3dweyr38zbwf','trial 2 (lr=0.001) added: a point of the coarse grid',1795371674.00001);
INSERT INTO "stagetune_event" VALUES(7,'st_qpt1ezx2pf8bgf','trial','tr_g8ve3qnch0w5rw','trial 3 (lr=1) added: a point of the coarse grid',1795371674.00001);
INSERT INTO "stagetune_event" VALUES(8,'st_qpt1ezx2pf8bgf','trial','tr_tc9xv6mvejzxzj','trial 0 (lr=0.1) started on cpu of old-node',1.79537167402700638778e+09);
INSERT INTO "stagetune_event" VALUES(9,'st_qpt1ezx2pf8bgf','trial','tr_9dgyaheapn7nk0','trial 1 (lr=0.01) started on cpu of old-node',1.79537167402700638778e+09);
INSERT INTO "stagetune_event" VALUES(10,'st_qpt1ezx2pf8bgf','trial','tr_1h3dweyr38zbwf','trial 2 (lr=0.001) started on cpu of old-node',1.79537167402700638778e+09);
INSERT INTO "stagetune_event" VALUES(11,'st_qpt1ezx2pf8bgf','metrics','tr_tc9xv6mvejzxzj','trial 0 (lr=0.1) at step 3',1.79537167405500864983e+09);
INSERT INTO "stagetune_event" VALUES(12,'st_qpt1ezx2pf8bgf','metrics','tr_9dgyaheapn7nk0','trial 1 (lr=0.01) at step 2',1.79537167405500864983e+09);
INSERT INTO "stagetune_event" VALUES(13,'st_qpt1ezx2pf8bgf','metrics','tr_1h3dweyr38zbwf','trial 2 (lr=0.001) at step 2',1.79537167405500864983e+09);
INSERT INTO "stagetune_event" VALUES(14,'st_qpt1ezx2pf8bgf','trial','tr_tc9xv6mvejzxzj','trial 0 (lr=0.1) completed',1.79537167405500864983e+09);
INSERT INTO "stagetune_event" VALUES(15,'st_qpt1ezx2pf8bgf','trial','tr_9dgyaheapn7nk0','trial 1 (lr=0.01) diverged: the loss was nan',1.79537167405500864983e+09);
CREATE TABLE stagetune_log_chunk (
	attempt_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	length INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_stagetune_log_chunk PRIMARY KEY (attempt_id, sequence), 
	CONSTRAINT fk_stagetune_log_chunk_attempt_id FOREIGN KEY(attempt_id) REFERENCES stagetune_attempt (id)
);
INSERT INTO "stagetune_log_chunk" VALUES('at_hbk4e7r66hrdng',0,11,'ended well
');
INSERT INTO "stagetune_log_chunk" VALUES('at_b3da5nv47jhvt1',0,11,'on its way
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
INSERT INTO "stagetune_metric_chunk" VALUES(1,'at_hbk4e7r66hrdng','loss',0,3,1,1,NULL,X'000000400000C03F0000A03F');
INSERT INTO "stagetune_metric_chunk" VALUES(2,'at_hbk4e7r66hrdng','dev_accuracy',0,1,3,1,NULL,X'0000003F');
INSERT INTO "stagetune_metric_chunk" VALUES(3,'at_evf02a5dsmbqkb','loss',0,2,1,1,NULL,X'000000400000C07F');
INSERT INTO "stagetune_metric_chunk" VALUES(4,'at_b3da5nv47jhvt1','loss',0,2,1,1,NULL,X'0000104000000040');
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
INSERT INTO "stagetune_metric_summary" VALUES('tr_tc9xv6mvejzxzj','loss',3,1.25,1.25,2.0,3);
INSERT INTO "stagetune_metric_summary" VALUES('tr_tc9xv6mvejzxzj','dev_accuracy',3,0.5,0.5,0.5,1);
INSERT INTO "stagetune_metric_summary" VALUES('tr_9dgyaheapn7nk0','loss',2,NULL,2.0,2.0,2);
INSERT INTO "stagetune_metric_summary" VALUES('tr_1h3dweyr38zbwf','loss',2,2.0,2.0,2.25,2);
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
INSERT INTO "stagetune_stage" VALUES('st_qpt1ezx2pf8bgf','lr_sweep',0,'running',0,NULL,1795371674.00001,NULL);
INSERT INTO "stagetune_stage" VALUES('st_qpt1ezx2pf8bgf','batch_momentum',1,'pending',0,NULL,NULL,NULL);
INSERT INTO "stagetune_stage" VALUES('st_qpt1ezx2pf8bgf','decay_schedule',2,'pending',0,NULL,NULL,NULL);
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
INSERT INTO "stagetune_study" VALUES('st_qpt1ezx2pf8bgf','frozen','{"name":"frozen","objective":{"kind":"builtin","name":"image_classification","args":{"dataset":"digits","model":"small_cnn","root":null,"download":false,"dev_fraction":0.2,"image_size":null}},"metric":{"name":"dev_accuracy","direction":"maximize"},"optimizer":"sgd","precision":"float32","strategy":"guide","seed":0,"budget":{"steps":100,"trials":20},"evaluate_every":50,"defaults":{"batch_size":64,"momentum":0.9,"weight_decay":0.0},"stages":[{"kind":"lr_sweep","grid":[1.0,0.1,0.01,0.001,0.0001,0.00001],"refine":4,"seeds":1},{"kind":"batch_momentum","batch_sizes":[32,64,128],"momenta":[0.8,0.9,0.95],"search":"grid","trials":null,"lr_scaling":"linear","lr_bracket":[0.5,1.0,2.0]},{"kind":"decay_schedule","forms":["linear","exponential","cosine","polynomial","piecewise"]}],"gates":"auto"}','running','',1,NULL,1.79537167395599484443e+09,1795371674.00001,NULL,'e5f9707ed06ce2bec81521d662cf7984de5aa4ee83eb0079068b1af3ee504bbd');
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
	optuna_number INTEGER, 
	CONSTRAINT pk_stagetune_trial PRIMARY KEY (id), 
	CONSTRAINT ck_stagetune_trial_state CHECK (state IN ('waiting', 'running', 'completed', 'diverged', 'pruned', 'failed', 'cancelled')), 
	CONSTRAINT fk_stagetune_trial_study_id_stage FOREIGN KEY(study_id, stage) REFERENCES stagetune_stage (study_id, kind), 
	CONSTRAINT fk_stagetune_trial_study_id FOREIGN KEY(study_id) REFERENCES stagetune_study (id), 
	CONSTRAINT uq_stagetune_trial_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT uq_stagetune_trial_study_id_stage_key UNIQUE (study_id, stage, "key")
);
INSERT INTO "stagetune_trial" VALUES('tr_tc9xv6mvejzxzj','st_qpt1ezx2pf8bgf',0,'lr=0.1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'completed','a point of the coarse grid','',NULL,1795371674.00001,1.79537167402700638778e+09,1.79537167405500864983e+09,1,0,0,3,1.79537167405500864983e+09,NULL);
INSERT INTO "stagetune_trial" VALUES('tr_9dgyaheapn7nk0','st_qpt1ezx2pf8bgf',1,'lr=0.01','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'diverged','a point of the coarse grid','the loss was nan',NULL,1795371674.00001,1.79537167402700638778e+09,1.79537167405500864983e+09,1,0,0,2,1.79537167405500864983e+09,NULL);
INSERT INTO "stagetune_trial" VALUES('tr_1h3dweyr38zbwf','st_qpt1ezx2pf8bgf',2,'lr=0.001','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'running','a point of the coarse grid','',NULL,1795371674.00001,1.79537167402700638778e+09,NULL,1,0,0,2,1.79537167405500864983e+09,NULL);
INSERT INTO "stagetune_trial" VALUES('tr_g8ve3qnch0w5rw','st_qpt1ezx2pf8bgf',3,'lr=1','lr_sweep','{"lr": 0.1, "batch_size": 64, "momentum": 0.9}','{"kind":"constant","start":0,"end":null,"warmup_steps":0,"interval":1,"rate":0.1,"power":2.0,"milestones":[],"floor":0.0}',100,0,'waiting','a point of the coarse grid','',NULL,1795371674.00001,NULL,NULL,0,0,0,0,NULL,NULL);
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
INSERT INTO "stagetune_worker" VALUES('wk_ca42avjac7a7m4','old-node','old-node.example','0.1.0','["image_classification"]','[]',1.79537167401799416539e+09,1.79537167405500864983e+09);
CREATE INDEX ix_stagetune_study_state ON stagetune_study (state);
CREATE INDEX ix_stagetune_trial_study_id_state ON stagetune_trial (study_id, state);
CREATE INDEX ix_stagetune_worker_last_sync_at ON stagetune_worker (last_sync_at);
CREATE INDEX ix_stagetune_attempt_running_lease ON stagetune_attempt (lease_expires_at) WHERE state = 'running';
CREATE INDEX ix_stagetune_attempt_running_worker ON stagetune_attempt (worker_id) WHERE state = 'running';
CREATE UNIQUE INDEX uq_stagetune_attempt_one_running_per_trial ON stagetune_attempt (trial_id) WHERE state = 'running';
CREATE INDEX ix_stagetune_event_study_id_id ON stagetune_event (study_id, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('stagetune_event',15);
COMMIT;
