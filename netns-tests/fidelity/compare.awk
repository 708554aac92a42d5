# What the simulator says of the measured instants (its JSON Lines) against what was seen: the logs'
# transitions (real.awk) and the watchers' addresses. The k-th of a node is compared with its k-th.
# One line each, TRANSITION or ADDRESS first, differences in milliseconds; and one line for everything
# that is not the same, with DIFFERS first.

# The value of a key; the lines are flat and their strings have no quotes inside.
function value(key,    at, rest)
{
    at = index($0, "\"" key "\":")
    if (at == 0) return ""
    rest = substr($0, at + length(key) + 3)
    sub(/^"/, "", rest)
    sub(/[",}].*/, "", rest)
    return rest
}

function simulated(kind, node, at, word)
{
    sim_at[kind, node, ++sim_count[kind, node]] = at
    sim_word[kind, node, sim_count[kind, node]] = word
    if (kind == "TRANSITION") in_order[++ordered] = node SUBSEP sim_count[kind, node]
}

function seen(kind, node, at, word)
{
    real_at[kind, node, ++real_count[kind, node]] = at
    real_word[kind, node, real_count[kind, node]] = word
}

FILENAME ~ /plan$/ && $1 == "node" { node_of[$3] = $2 }
FILENAME ~ /json$/ {
    kind = value("kind")
    if (kind == "transition")
        simulated("TRANSITION", value("node"), value("time") - lead, value("from") ">" value("to") " " value("rule"))
    else if (kind == "holds")
        simulated("ADDRESS", value("node"), value("time") - lead, value("holds") == "true" ? "got" : "lost")
}
FILENAME ~ /real$/ { seen("TRANSITION", $2, $1, $3 ">" $4 " " $5) }
FILENAME ~ /starts$/ { started[$1, $3] = 1 }
FILENAME ~ /adverts$/ && $2 in node_of { sent_at[node_of[$2], ++sent[node_of[$2]]] = $1 - epoch }
FILENAME ~ /watch$/ && $4 == address && $1 < until + epoch { seen("ADDRESS", $2, $1 - epoch, $3) }

# From a step that made it master to the host's next advert on the switch: a witness of the log's times.
function advert_after(node, at,    n)
{
    for (n = 1; n <= sent[node]; n++)
        if (sent_at[node, n] >= at - 0.001) return (sent_at[node, n] - at) * 1000
    return 1000000
}

function compare(kind, node,    k, most, s, r, difference)
{
    most = sim_count[kind, node] > real_count[kind, node] ? sim_count[kind, node] : real_count[kind, node]
    for (k = 1; k <= most; k++) {
        s = sim_word[kind, node, k]
        r = real_word[kind, node, k]
        if (s != r) {
            printf "DIFFERS %s %s: number %d is simulated as '%s'%s, and was '%s'%s\n", name, node, k,
                s == "" ? "nothing" : s, s == "" ? "" : " at " sim_at[kind, node, k] " s",
                r == "" ? "nothing" : r, r == "" ? "" : " at " real_at[kind, node, k] " s"
            return
        }
        if (s ~ />MASTER/)
            printf "ADVERT %s %s %d %s %.3f\n", name, node, k, s, advert_after(node, real_at[kind, node, k])
        difference = sprintf("%.3f", (real_at[kind, node, k] - sim_at[kind, node, k]) * 1000)
        if (kind == "TRANSITION" && ((node, real_at[kind, node, k]) in started)) difference = "cause"
        printf "%s %s %s %d %s %.6f %.6f %s\n", kind, name, node, k, s, sim_at[kind, node, k],
            real_at[kind, node, k], difference
    }
}

END {
    for (i = 1; i <= nodes; i++) {
        compare("TRANSITION", "h" i)
        compare("ADDRESS", "h" i)
    }
    for (i = 2; i <= ordered; i++) {
        before = "TRANSITION" SUBSEP in_order[i - 1]
        after = "TRANSITION" SUBSEP in_order[i]
        same = sim_word[before] == real_word[before] && sim_word[after] == real_word[after]
        if (same && real_at[before] > real_at[after]) {
            split(before SUBSEP after, part, SUBSEP)
            printf "DIFFERS %s order: %s of %s is simulated before %s of %s, and came %.3f ms after it\n",
                name, sim_word[before], part[2], sim_word[after], part[5],
                (real_at[before] - real_at[after]) * 1000
        }
    }
}
