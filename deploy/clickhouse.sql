-- Records of many machines in one table of ClickHouse, 18.16 or later. Load each machine's every hour or so; duplicates are
-- replaced, so periods may overlap:
--
--   bindsnoop find /var/lib/bindsnoop/record.db --from "$(date -d '-2 hours' '+%F %T')" --json |
--       clickhouse-client --input_format_skip_unknown_fields=1 --query 'INSERT INTO bindsnoop_records FORMAT JSONEachRow'
--
-- Times are stored as written, and in microseconds since 1970 (…At) for queries.
CREATE TABLE IF NOT EXISTS bindsnoop_records
(
    Host String,
    Kind String,
    Time String,
    EarliestTime Nullable(String),
    Until Nullable(String),
    LatestUntil Nullable(String),
    Existing UInt8,
    Uid UInt32,
    UserName String,
    ProcessId Int32,
    Comm String,
    Protocol String,
    AddressFamily String,
    Address Nullable(String),
    Port UInt16,
    Cause Nullable(String),
    Explanation Nullable(String),
    ErrorName String,
    NetworkNamespace UInt32,
    Inode Int64,
    CgroupPath String,
    Unit Nullable(String),
    ContainerId Nullable(String),
    Day Date MATERIALIZED toDate(parseDateTimeBestEffort(Time)),
    TimeAt Int64 MATERIALIZED toInt64(toUnixTimestamp(parseDateTimeBestEffort(Time))) * 1000000
        + toInt64(substring(concat(extract(Time, '\\.([0-9]+)'), '000000'), 1, 6)),
    EarliestAt Int64 MATERIALIZED if(EarliestTime IS NULL, TimeAt,
        toInt64(toUnixTimestamp(parseDateTimeBestEffort(ifNull(EarliestTime, Time)))) * 1000000),
    UntilAt Int64 MATERIALIZED toInt64(toUnixTimestamp(parseDateTimeBestEffort(ifNull(Until, Time)))) * 1000000
        + toInt64(substring(concat(extract(ifNull(Until, Time), '\\.([0-9]+)'), '000000'), 1, 6)),
    GoneAt Int64 MATERIALIZED if(LatestUntil IS NULL, toInt64(9000000000000000),
        toInt64(toUnixTimestamp(parseDateTimeBestEffort(ifNull(LatestUntil, Time)))) * 1000000
        + toInt64(substring(concat(extract(ifNull(LatestUntil, Time), '\\.([0-9]+)'), '000000'), 1, 6)))
)
ENGINE = ReplacingMergeTree(UntilAt)
PARTITION BY toYYYYMM(Day)
ORDER BY (Port, Kind, Host, TimeAt, Inode);
