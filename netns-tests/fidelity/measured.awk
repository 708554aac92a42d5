# The scenario once more, with the instants at which things really happened; the simulator is then
# asked what follows from these. Reads the plan (plan.awk), what was done (lines ID begin|end PLANNED
# TRUE VERB NODE...), and the transitions (real.awk). A daemon begins when it leaves INIT: how long a
# process takes to come that far is printed by the test, and is nothing that the simulator foretells.

function begins(what, verb)
{
    return what == "begin" ? verb == "start" || verb == "boot" : verb == "stop" || verb == "kill" || verb == "crash"
}

function when(at, what, verb, node,    i)
{
    if (!begins(what, verb)) return at
    for (i = 1; i <= transitions; i++)
        if (by[i] == node && from[i] == "INIT" && since[i] >= at) {
            printf "%s %.6f %.6f\n", node, at, since[i] >starts
            return since[i]
        }
    return at
}

FILENAME ~ /plan$/ && $1 == "head" { print substr($0, 6) }
FILENAME ~ /plan$/ && $1 == "horizon" { print "horizon " $2 + lead "s" }
FILENAME ~ /plan$/ && $1 == "node_text" { node_text[++nodes] = substr($0, 14) }
FILENAME ~ /plan$/ && $1 == "statement" {
    id = $2
    sub(/^[^ ]* [^ ]* /, "")
    text[id] = $0
}
FILENAME ~ /real$/ {
    since[++transitions] = $1 + 0
    by[transitions] = $2
    from[transitions] = $3
}
FILENAME ~ /done$/ && $2 == "begin" && $1 == "node" { node_starts[$6] = when($4, $2, $5, $6) }
FILENAME ~ /done$/ && $2 == "begin" && $1 != "node" {
    begin[$1] = when($4, $2, $5, $6)
    order[++statements] = $1
}
FILENAME ~ /done$/ && $2 == "end" { end[$1] = when($4, $2, $5, $6) }

END {
    for (n = 1; n <= nodes; n++)
        print node_text[n] (("h" n) in node_starts ? sprintf(" start %.6fs", node_starts["h" n] + lead) : " off")
    for (i = 2; i <= statements; i++)
        for (k = i; k > 1 && begin[order[k - 1]] > begin[order[k]]; k--) {
            id = order[k]
            order[k] = order[k - 1]
            order[k - 1] = id
        }
    for (i = 1; i <= statements; i++) {
        id = order[i]
        printf "at %.6fs %s%s\n", begin[id] + lead, text[id],
            id in end ? sprintf(" for %.6fs", end[id] - begin[id]) : ""
    }
}
