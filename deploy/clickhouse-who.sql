-- Who had port 8080 on any host at 03:12? If a machine's record has a gap at that moment, the answer has a row Unknown.
WITH toInt64(toUnixTimestamp(parseDateTimeBestEffort('2026-11-26T03:12:00Z'))) * 1000000 AS moment
SELECT
    Host,
    multiIf(Kind = 'Gap', 'Unknown', moment >= TimeAt AND moment < UntilAt, 'Yes', 'Maybe') AS Held,
    Comm, ProcessId, Protocol, Address, Time, Until, Explanation
FROM bindsnoop_records FINAL
WHERE (Kind = 'Bind' AND Port = 8080 AND EarliestAt <= moment AND moment < GoneAt)
   OR (Kind = 'Gap' AND TimeAt <= moment AND moment <= UntilAt)
ORDER BY Host, TimeAt
FORMAT JSONEachRow;
