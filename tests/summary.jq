# Sums up reports in the format CTRF, one for each suite: jq -nr -f summary.jq FILE...
# The last line is "N passed, N failed, N skipped" and nothing else.

def flat: gsub("\\s+"; " ") | sub("^ "; "") | sub(" $"; "");
def padded(width): . + " " * ([width - length, 0] | max);
def number(width): tostring | " " * ([width - length, 0] | max) + .;
def count(status): map(select(.status == status)) | length;
def lines: split("\n") | map(select(test("\\S")));
def totals: "\(count("passed")) passed, \(count("failed")) failed, \(count("skipped")) skipped";

[inputs
    | (input_filename | split("/") | last | rtrimstr(".ctrf.json")) as $suite
    | .results.tests[]
    # xunit escapes the quotes in a name before the report's writer does so again.
    | { $suite, name: (.name | gsub("\\\\\""; "\"") | flat), status, message: (.message // ""), trace: (.trace // "") } + (
        if .status == "passed" or .status == "failed" then {}
        # What has not run has not passed, whatever the report calls that.
        else { status: "skipped", reason: (.extra.reason // .message
            // (if .status == "pending" then "runs only when it is asked for" else "no reason given" end) | flat) } end)
] as $tests
| ([$tests[].suite] | reduce .[] as $s ([]; if index([$s]) then . else . + [$s] end)) as $suites
| ([($suites[] | length), 5] | max) as $width
| (
    "",
    "\("suite" | padded($width))  passed  failed skipped",
    ($suites[] as $s | $tests | map(select(.suite == $s))
        | "\($s | padded($width)) \(count("passed") | number(7)) \(count("failed") | number(7)) \(count("skipped") | number(7))"),
    ($tests | map(select(.status == "skipped")) | if length == 0 then empty else
        "", "Skipped, and why:",
        (group_by(.reason) | sort_by(-length)[] | "\(length | number(5))  \(.[0].reason) (\(map(.suite) | unique | join(", ")))") end),
    # Grouped too, as what is broken at the root breaks many tests alike.
    ($tests | map(select(.status == "failed")) | if length == 0 then empty else
        "", "Failed:",
        (group_by([.suite, .message])[]
            | (.[:10][] | "  \(.suite): \(.name)"),
              (if length > 10 then "  \(.[0].suite): ... and \(length - 10) more, with the same message" else empty end),
              (.[0] | (.message | lines)[], (.trace | lines)[:5][] | "      \(.)")) end),
    "",
    ($tests | totals)
)
