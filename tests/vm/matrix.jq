# The results of all VMs of a run as Markdown. Input: an array of
#   { kernel, release, state, reason, seconds, tests }
# state is "ran", "skipped" (the kernel cannot be had) or "none" (no result);
# tests is the list of a CTRF report.

def flat: gsub("\\s+"; " ") | sub("^ "; "") | sub(" $"; "");
def cell: flat | gsub("\\|"; "\\|");
def listed: map(cell) | join(", ");

# The report's writer escapes the quotes in a name, and then JSON does so again.
def unquoted: gsub("\\\\\""; "\"");

# A parameter's value out of a display name, as in Case(backend: Kprobe, name: "x").
def parameter(name): (capture("[(, ]" + name + ": (?:\"(?<s>(?:[^\"\\\\]|\\\\.)*)\"|(?<w>[^,)]+))") // null)
    | if . == null then null else .s // .w end;

def told:
    (.name | unquoted) as $name
    | ((.extra.type // "") | split(".") | last // "") as $type
    | (.extra.method // "") as $method
    | ([$name | parameter("backend")] | first) as $backend
    | ([$name | parameter("name")] | first) as $case
    | {
        backend: ($backend // ""),
        case: (
            if $case == null or $backend == null then
                ($name | sub("^(?:[A-Za-z_]\\w*\\.)*(?=[A-Za-z_]\\w*\\.[A-Za-z_]\\w*(?:\\(|$))"; ""))
                | if $backend == null then . else sub("backend: [^,)]+(, )?"; "") | sub("\\(\\)$"; "") end
            # The one big theory needs no name before its cases; others do.
            elif $type == "BindMatrixTests" then $case
            else "\($type).\($method) \($case)" end),
        status: (if .status == "passed" or .status == "failed" then .status else "skipped" end),
        reason: (
            if .status == "skipped" then .extra.reason // .message // "no reason given"
            elif .status == "passed" or .status == "failed" then .message // ""
            else "not run (\(.status))" end),
        trace: (.trace // "")
    };

def counts: [("passed", "failed", "skipped") as $s | map(select(.status == $s)) | length];
def shown_counts: if length == 0 then "–" else counts | join(" / ") end;
def worst: map(.status) | if index("failed") then "**failed**" elif index("passed") then "passed" elif length > 0 then "skipped" else "" end;

map(.tests |= map(told)) as $runs
| ($runs | map(.tests[].backend) | unique - [""]) as $backends
| ($runs | map(.tests[] | select(.backend == "")) | length > 0) as $others
| ([$runs[] | . as $run | .tests[] | . + { kernel: $run.kernel }]) as $all
| ([$backends[], (if $others then "" else empty end)]) as $columns
| (
    "# Kernels and back ends",
    "",
    "Passed / failed / skipped tests.",
    "",
    "| kernel | release | \($columns | map(if . == "" then "other tests" else . end) | join(" | ")) | seconds | outcome |",
    "|---|---|\($columns | map("---|") | join(""))---|---|",
    ($runs[] | . as $run
        | "| \(.kernel | cell) | \(.release) | \($columns | map(. as $c | $run.tests | map(select(.backend == $c)) | shown_counts) | join(" | ")) | \(.seconds) | \(
            if .state == "skipped" then "**skipped**: \(.reason | cell)"
            elif .state == "none" then "**no result**: \(.reason | cell)"
            elif (.tests | any(.status == "failed")) then "**failed**"
            elif .reason != "" then "**failed**: \(.reason | cell)"
            else "passed" end) |"),
    ($backends[] as $b
        | "", "## \($b)", "",
          "| case | \($runs | map(.kernel | cell) | join(" | ")) |",
          "|---|\($runs | map("---|") | join(""))",
          ($all | map(select(.backend == $b) | .case) | unique)[] as $case
        | "| \($case | cell) | \($runs | map(.tests | map(select(.backend == $b and .case == $case)) | worst) | join(" | ")) |"),
    ($all | map(select(.status == "failed")) | if length == 0 then empty else
        "", "## Failed", "",
        (.[] | "- \(.kernel), \(if .backend == "" then "" else .backend + ", " end)\(.case | flat): \(.reason | flat)",
            (.trace | split("\n") | map(select(test("\\S"))) | .[:3][] | "    \(.)")) end),
    ($all | map(select(.status == "skipped")) | if length == 0 then empty else
        "", "## Skipped, and why", "",
        (group_by(.reason)[] | "- \(.[0].reason | flat)",
            (group_by([.backend, .case])[] | "  - \(if .[0].backend == "" then "" else .[0].backend + ", " end)\(.[0].case | flat): \(map(.kernel) | unique | listed)")) end)
)
