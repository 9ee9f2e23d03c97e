-- The tables of a store of version 1, as the program of that version made them.
CREATE TABLE calls (
	id INTEGER NOT NULL,
	call_id VARCHAR NOT NULL,
	attempt INTEGER NOT NULL,
	run_id VARCHAR,
	task VARCHAR,
	agent VARCHAR,
	integration VARCHAR NOT NULL,
	action VARCHAR,
	method VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	template VARCHAR NOT NULL,
	status INTEGER,
	error VARCHAR,
	sent BOOLEAN NOT NULL,
	started_at VARCHAR NOT NULL,
	latency_ms FLOAT NOT NULL,
	waited_ms FLOAT NOT NULL,
	bytes_out INTEGER NOT NULL,
	bytes_in INTEGER NOT NULL,
	request_id VARCHAR,
	tls VARCHAR,
	PRIMARY KEY (id)
);
CREATE INDEX calls_by_run ON calls (run_id, integration);
CREATE INDEX calls_by_time ON calls (started_at);
CREATE TABLE effects (
	"key" VARCHAR NOT NULL,
	environment VARCHAR NOT NULL,
	account VARCHAR NOT NULL,
	integration VARCHAR NOT NULL,
	action VARCHAR NOT NULL,
	reference VARCHAR NOT NULL,
	fingerprint VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	once VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	attempt INTEGER NOT NULL,
	owner VARCHAR NOT NULL,
	run_id VARCHAR,
	task VARCHAR,
	agent VARCHAR,
	arguments JSON,
	response JSON,
	error TEXT,
	created_at VARCHAR NOT NULL,
	settled_at VARCHAR,
	PRIMARY KEY ("key")
);
CREATE INDEX effects_by_run ON effects (run_id, task);
CREATE TABLE meta (
	name VARCHAR NOT NULL,
	value VARCHAR NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE runs (
	run_id VARCHAR NOT NULL,
	crew VARCHAR NOT NULL,
	mode VARCHAR NOT NULL,
	environment VARCHAR NOT NULL,
	model VARCHAR NOT NULL,
	started_at VARCHAR NOT NULL,
	finished_at VARCHAR,
	status VARCHAR NOT NULL,
	folder VARCHAR,
	PRIMARY KEY (run_id)
);
CREATE TABLE tasks (
	run_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	agent VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	started_at VARCHAR,
	finished_at VARCHAR,
	error TEXT,
	outcome JSON,
	PRIMARY KEY (run_id, name),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
INSERT INTO meta VALUES ('version', '1');
