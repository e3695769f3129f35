-- A record as version 1 of the format made it.
PRAGMA application_id=1112765027;
PRAGMA user_version=1;
CREATE TABLE run(id INTEGER PRIMARY KEY, boot TEXT NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL, base INTEGER NOT NULL,
    began INTEGER NOT NULL, alive INTEGER NOT NULL, seen INTEGER NOT NULL, ended INTEGER NOT NULL, blind TEXT NOT NULL);
CREATE TABLE clock(since INTEGER PRIMARY KEY, utc INTEGER NOT NULL, doubt INTEGER NOT NULL);
CREATE TABLE gap(began INTEGER PRIMARY KEY, ended INTEGER NOT NULL, reason TEXT NOT NULL, lost INTEGER NOT NULL);
CREATE TABLE who(id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, comm TEXT NOT NULL, uid INTEGER NOT NULL, gid INTEGER, ppid INTEGER,
    outside INTEGER NOT NULL, netns INTEGER NOT NULL, mntns INTEGER, cgroup TEXT NOT NULL);
CREATE TABLE what(id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, protocol INTEGER NOT NULL, type INTEGER NOT NULL, family INTEGER NOT NULL,
    address TEXT, requested TEXT, chosen INTEGER NOT NULL, origin INTEGER NOT NULL, options INTEGER NOT NULL, v6only INTEGER NOT NULL,
    ifindex INTEGER NOT NULL, ifname TEXT NOT NULL);
CREATE TABLE finding(id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, cause TEXT NOT NULL, explanation TEXT NOT NULL, holders TEXT NOT NULL);
CREATE TABLE bind(id INTEGER PRIMARY KEY, held INTEGER NOT NULL, gone INTEGER, early INTEGER, port INTEGER NOT NULL,
    who INTEGER NOT NULL, what INTEGER NOT NULL, pid INTEGER NOT NULL, tid INTEGER, inode INTEGER NOT NULL);
CREATE TABLE failure(id INTEGER PRIMARY KEY, port INTEGER NOT NULL, who INTEGER NOT NULL, what INTEGER NOT NULL, pid INTEGER NOT NULL,
    tid INTEGER, inode INTEGER NOT NULL, error INTEGER NOT NULL, finding INTEGER);
CREATE TABLE listen(id INTEGER PRIMARY KEY, port INTEGER NOT NULL, who INTEGER NOT NULL, what INTEGER NOT NULL, pid INTEGER NOT NULL,
    tid INTEGER, inode INTEGER NOT NULL, error INTEGER NOT NULL, backlog INTEGER, most INTEGER);
CREATE TABLE epoch(id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER);
CREATE TABLE port(epoch INTEGER NOT NULL, port INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY(epoch, port, kind, at)) WITHOUT ROWID;
CREATE TABLE carried(epoch INTEGER NOT NULL, port INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(epoch, port, id)) WITHOUT ROWID;
CREATE VIEW bound AS SELECT bind.id, (SELECT strftime('%Y-%m-%d %H:%M:%f', (utc + bind.id - since) / 1e6, 'unixepoch') FROM clock WHERE since <= bind.id ORDER BY since DESC LIMIT 1) AS time,
    CASE WHEN held = 2147483647 THEN NULL ELSE (SELECT strftime('%Y-%m-%d %H:%M:%f', (utc + bind.id + held - since) / 1e6, 'unixepoch') FROM clock WHERE since <= bind.id + held ORDER BY since DESC LIMIT 1) END AS held_until,
    CASE WHEN held = 2147483647 THEN NULL ELSE (SELECT strftime('%Y-%m-%d %H:%M:%f', (utc + bind.id + held + gone - since) / 1e6, 'unixepoch') FROM clock WHERE since <= bind.id + held + gone ORDER BY since DESC LIMIT 1) END AS gone_by,
    protocol, address, port, comm, pid, uid, cgroup, netns, inode
    FROM bind JOIN who ON who.id = bind.who JOIN what ON what.id = bind.what;
CREATE VIEW refused AS SELECT failure.id, (SELECT strftime('%Y-%m-%d %H:%M:%f', (utc + failure.id - since) / 1e6, 'unixepoch') FROM clock WHERE since <= failure.id ORDER BY since DESC LIMIT 1) AS time, error, cause, explanation,
    protocol, address, port, comm, pid, uid, cgroup, netns, inode
    FROM failure JOIN who ON who.id = failure.who JOIN what ON what.id = failure.what LEFT JOIN finding ON finding.id = failure.finding;
