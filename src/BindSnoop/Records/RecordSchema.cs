namespace BindSnoop.Records;

/// <summary>The tables of a record, as docs/record.md explains them.</summary>
internal static class RecordSchema
{
    /// <summary>PRAGMA application_id: "BSrc".</summary>
    public const int ApplicationId = 0x42537263;

    /// <summary>PRAGMA user_version. A change that older versions cannot read takes a new one, and a step in <see cref="UpgradeFrom"/> that leads to it.</summary>
    public const int Version = 2;

    /// <summary>The first version whose <c>who</c> has containers.</summary>
    public const int FirstWithContainers = 2;

    /// <summary>
    /// <c>bind.held</c> of a socket that is still held. It takes as many bytes as nearly all values that replace it, so that no
    /// page has to be split for lack of room.
    /// </summary>
    public const long Open = 2147483647;

    // Scans find few rows: without this index, the search for the next one would read all later rows.
    private const string Found = "CREATE INDEX found ON bind(id, early) WHERE early NOT NULL;";

    /// <summary>Makes the tables.</summary>
    public static string Create { get; } = $"""
        PRAGMA application_id={ApplicationId};
        PRAGMA user_version={Version};
        CREATE TABLE run(id INTEGER PRIMARY KEY, boot TEXT NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL, base INTEGER NOT NULL,
            began INTEGER NOT NULL, alive INTEGER NOT NULL, seen INTEGER NOT NULL, ended INTEGER NOT NULL, blind TEXT NOT NULL);
        CREATE TABLE clock(since INTEGER PRIMARY KEY, utc INTEGER NOT NULL, doubt INTEGER NOT NULL);
        CREATE TABLE gap(began INTEGER PRIMARY KEY, ended INTEGER NOT NULL, reason TEXT NOT NULL, lost INTEGER NOT NULL);
        CREATE TABLE who(id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, comm TEXT NOT NULL, uid INTEGER NOT NULL, gid INTEGER, ppid INTEGER,
            outside INTEGER NOT NULL, netns INTEGER NOT NULL, mntns INTEGER, cgroup TEXT NOT NULL,
            container TEXT, image TEXT, runtime TEXT, pod TEXT, podns TEXT);
        CREATE TABLE what(id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, protocol INTEGER NOT NULL, type INTEGER NOT NULL, family INTEGER NOT NULL,
            address TEXT, requested TEXT, chosen INTEGER NOT NULL, origin INTEGER NOT NULL, options INTEGER NOT NULL, v6only INTEGER NOT NULL,
            ifindex INTEGER NOT NULL, ifname TEXT NOT NULL);
        CREATE TABLE finding(id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, cause TEXT NOT NULL, explanation TEXT NOT NULL, holders TEXT NOT NULL);
        CREATE TABLE bind(id INTEGER PRIMARY KEY, held INTEGER NOT NULL, gone INTEGER, early INTEGER, port INTEGER NOT NULL,
            who INTEGER NOT NULL, what INTEGER NOT NULL, pid INTEGER NOT NULL, tid INTEGER, inode INTEGER NOT NULL);
        {Found}
        CREATE TABLE failure(id INTEGER PRIMARY KEY, port INTEGER NOT NULL, who INTEGER NOT NULL, what INTEGER NOT NULL, pid INTEGER NOT NULL,
            tid INTEGER, inode INTEGER NOT NULL, error INTEGER NOT NULL, finding INTEGER);
        CREATE TABLE listen(id INTEGER PRIMARY KEY, port INTEGER NOT NULL, who INTEGER NOT NULL, what INTEGER NOT NULL, pid INTEGER NOT NULL,
            tid INTEGER, inode INTEGER NOT NULL, error INTEGER NOT NULL, backlog INTEGER, most INTEGER);
        CREATE TABLE epoch(id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER);
        CREATE TABLE port(epoch INTEGER NOT NULL, port INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY(epoch, port, kind, at)) WITHOUT ROWID;
        CREATE TABLE carried(epoch INTEGER NOT NULL, port INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(epoch, port, id)) WITHOUT ROWID;
        {Views}
        """;

    /// <summary>Makes the tables of an older version into those of <see cref="Version"/>, in one transaction.</summary>
    public static string UpgradeFrom(long version) => version switch
    {
        1 => $"""
            BEGIN IMMEDIATE;
            ALTER TABLE who ADD COLUMN container TEXT;
            ALTER TABLE who ADD COLUMN image TEXT;
            ALTER TABLE who ADD COLUMN runtime TEXT;
            ALTER TABLE who ADD COLUMN pod TEXT;
            ALTER TABLE who ADD COLUMN podns TEXT;
            {Found}
            DROP VIEW IF EXISTS bound;
            DROP VIEW IF EXISTS refused;
            {Views}
            PRAGMA user_version={Version};
            COMMIT;
            """,
        _ => "",
    };

    /// <summary>The table of the rows of a kind.</summary>
    public static string TableOf(RecordKind kind) => kind switch
    {
        RecordKind.Bind => "bind",
        RecordKind.Failure => "failure",
        _ => "listen",
    };

    private static string Views => $"""
        CREATE VIEW bound AS SELECT bind.id, {Utc("bind.id")} AS time,
            CASE WHEN held = {Open} THEN NULL ELSE {Utc("bind.id + held")} END AS held_until,
            CASE WHEN held = {Open} THEN NULL ELSE {Utc("bind.id + held + gone")} END AS gone_by,
            protocol, address, port, comm, pid, uid, cgroup, netns, inode, container, podns, pod
            FROM bind JOIN who ON who.id = bind.who JOIN what ON what.id = bind.what;
        CREATE VIEW refused AS SELECT failure.id, {Utc("failure.id")} AS time, error, cause, explanation,
            protocol, address, port, comm, pid, uid, cgroup, netns, inode, container, podns, pod
            FROM failure JOIN who ON who.id = failure.who JOIN what ON what.id = failure.what LEFT JOIN finding ON finding.id = failure.finding;
        """;

    private static string Utc(string at) =>
        $"(SELECT strftime('%Y-%m-%d %H:%M:%f', (utc + {at} - since) / 1e6, 'unixepoch') FROM clock WHERE since <= {at} ORDER BY since DESC LIMIT 1)";
}
