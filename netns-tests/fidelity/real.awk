# Transitions in carpd's logs, of level debug, as TIME NODE FROM TO RULE; the file's name is the node.
#
# A line has two times: the engine's own, taken as the step began, on the monotonic clock; and the
# log's, when the line was written, on the clock of all witnesses. The engine's is the exact one. What
# lies between the clocks is the smallest difference there is in any line of the five seconds before
# and after, for the one clock may be slewed more than the other.

function days(year, month, day)
{
    year -= month <= 2
    return 365 * year + int(year / 4) - int(year / 100) + int(year / 400) \
        + int((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 719469
}

# Seconds since the epoch of the test, which is whole seconds and a part: a number alone would be rounded.
function wall(stamp,    part)
{
    split(stamp, part, /[-T:]/)
    return (days(part[1], part[2], part[3]) * 86400 - epoch) + part[4] * 3600 + part[5] * 60 + (part[6] - fraction)
}

$2 == "[DEBUG]" && $4 ~ /^[0-9]+\.[0-9]+$/ {
    line_at[++lines] = $4
    line_lag[lines] = wall(substr($1, 1, length($1) - 1)) - $4
    to = ""
    for (i = 6; i < NF && to == ""; i++)
        if ($i == "->") to = $(i + 1)
    if (to == "" || $5 == to) next
    node = FILENAME
    sub(/.*\//, "", node)
    sub(/\.log$/, "", node)
    rule = $0
    sub(/^[^(]*\(/, "", rule)
    sub(/\).*/, "", rule)
    at[++count] = $4
    rest[count] = node " " $5 " " to " " rule
}

function between(at,    i, least)
{
    for (i = 1; i <= lines; i++)
        if (line_at[i] > at - 5 && line_at[i] < at + 5 && (least == "" || line_lag[i] < least)) least = line_lag[i]
    return least
}

END {
    for (i = 1; i <= count; i++) {
        time = at[i] + between(at[i])
        if (time < until) printf "%.6f %s\n", time, rest[i]
    }
}
