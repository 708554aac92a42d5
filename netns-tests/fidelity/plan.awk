# A scenario of the subset that both sides can run, as lines for 45_fidelity.sh:
#
#   horizon SECONDS               node NAME ADDRESS             vip ADDRESS
#   yaml NAME KEY: VALUE          (settings of carpd's group on that node)
#   head TEXT                     (everything but instants and expectations, for the second run)
#   do SECONDS ID begin|end VERB NODE [REST]    in the order of time; ID: line.number, or "node"
#
# Expectations and oracles are the simulator's own business and left to it. Anything else that is not
# of the subset is refused: a fault that only one side knows would be compared with nothing.

function refuse(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text >"/dev/stderr"
    refused = 1
    exit 2
}

function seconds(word,    number, unit)
{
    number = word
    unit = word
    sub(/[a-z]*$/, "", number)
    sub(/^[0-9.]*/, "", unit)
    if (number !~ /^[0-9]+(\.[0-9]+)?$/ || !(unit in scale))
        refuse(word " is no fixed time; a time such as 20ms, 1.5s or 1m is right here")
    return number * scale[unit]
}

# The next word of this line, or "".
function next_word()
{
    return word_at < word_count ? words[++word_at] : ""
}

function peek()
{
    return word_at < word_count ? words[word_at + 1] : ""
}

function take(word)
{
    if (peek() != word) return 0
    word_at++
    return 1
}

function a_node(name)
{
    if (!(name in node_number)) refuse("'" name "' is no node; nodes are declared above, as h1, h2 and h3")
    return name
}

# An option of a group, into setting[OWNER, KEY]; false when it is none.
function group_option(owner, word)
{
    if (word == "vip") {
        setting[owner, "vip"] = next_word()
        if (setting[owner, "vip"] !~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) refuse("vip: one IPv4 address is right here")
    } else if (word in number_key) {
        setting[owner, number_key[word]] = next_word()
    } else if (word in time_key) {
        setting[owner, time_key[word]] = seconds(next_word())
    } else if (word == "preempt") {
        setting[owner, "preempt"] = take("off") ? "false" : "true"
        take("on")
    } else {
        return 0
    }
    return 1
}

function read_node(    name, word, text, key, copy)
{
    name = next_word()
    if (name != "h" (++nodes) || nodes > 3) refuse("node " name ": h1, h2 and h3, in this order, are right here")
    node_number[name] = nodes
    starts[name] = 0
    text = "node " name
    while ((word = next_word()) != "") {
        if (word == "start") {
            starts[name] = seconds(next_word())
        } else if (word == "off") {
            starts[name] = -1
        } else if (word ~ /^@/) {
            if (substr(word, 2) != the_switch) refuse(word ": the one switch above is right here")
            text = text " " word
        } else if (word ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) {
            address[name] = word
            text = text " " word
        } else if (word == "profile") {
            if (next_word() != "engine") refuse("profile: engine is right here; netns-tests/40_ has ucarp")
        } else if (word == "vhid") {
            if (vhid[name] != "") refuse("a second group: one on each node is right here")
            vhid[name] = next_word()
            text = text " vhid " vhid[name]
            for (key in setting) {
                split(key, copy, SUBSEP)
                if (copy[1] == "group " vhid[name]) setting[name, copy[2]] = setting[key]
            }
        } else if (vhid[name] != "" && group_option(name, word)) {
            continue
        } else {
            refuse("option " word " of a node: both sides can do address, @switch, profile=engine, " \
                "start, off, vhid, base, skew, preempt, ratio, hold-down and preempt-delay")
        }
    }
    if (vhid[name] == "" || address[name] == "" || setting[name, "vip"] == "")
        refuse("node " name ": address, vhid and vip must be given here")
    # The whole line again, without the start: the measured one is put there.
    node_text[name] = text group_text(name)
}

function group_text(name,    text, word)
{
    text = " vip " setting[name, "vip"]
    for (word in number_key)
        if ((name, number_key[word]) in setting) text = text " " word " " setting[name, number_key[word]]
    for (word in time_key)
        if ((name, time_key[word]) in setting) text = text sprintf(" %s %.9fs", word, setting[name, time_key[word]])
    if ((name, "preempt") in setting) text = text " preempt " (setting[name, "preempt"] == "true" ? "on" : "off")
    return text
}

# {h1} {h2 h3}: as "h1 / h2 h3".
function read_sides(    text, word, sides, side_of)
{
    while (take("{")) {
        text = text (sides++ ? " /" : "")
        while ((word = next_word()) != "}") {
            if (word == "") refuse("split: {h1} {h2 h3} is right")
            text = text " " a_node(word)
        }
    }
    if (sides < 2) refuse("split: {h1} {h2 h3} is right")
    return substr(text, 2)
}

function read_pair(word,    both, ends)
{
    both = index(word, "<->") > 0
    if (split(word, ends, both ? "<->" : "->") != 2 || ends[1] ends[2] == "**")
        refuse("from where to where: h1->h2, h1<->h2, h1->* or *->h1 is right")
    if (ends[1] != "*") a_node(ends[1])
    if (ends[2] != "*") a_node(ends[2])
    return ends[1] " " ends[2] " " (both ? "both" : "one")
}

# What a verb is about, as words for the shell; verb_text is the statement for the second run.
function read_action(verb,    rest, word)
{
    if (verb in on_node) {
        rest = a_node(next_word())
        verb_text = verb " " rest
        if (verb == "freeze" && take("all")) {
            rest = rest " all"
            verb_text = verb_text " all"
        }
    } else if (verb == "split") {
        rest = read_sides()
        verb_text = "split {" rest "}"
        gsub(/ \/ /, "} {", verb_text)
    } else if (verb == "join" || verb == "heal") {
        verb_text = verb
    } else if (verb == "block" || verb == "lose") {
        word = next_word()
        rest = read_pair(word)
        verb_text = verb " " word
        if (verb == "lose") {
            word = next_word()
            if (word !~ /^[0-9]+(,[0-9]+)*$/) refuse("lose: numbers such as 1,3 are right")
            rest = rest " " word
            verb_text = verb_text " " word
        }
        if (take("adverts")) {
            verb_text = verb_text " adverts"
            rest = rest " adverts"
        } else if (verb == "lose") {
            refuse("lose: without 'adverts' the real kernel's other frames would be counted, too")
        }
    } else {
        refuse("action '" verb "': both sides can do crash, boot, kill, stop, start, freeze, thaw, down, up, " \
            "split, join, block, lose and heal")
    }
    return rest
}

function schedule(at, id, what, text)
{
    order[++dos] = dos
    do_at[dos] = at
    do_text[dos] = id " " what " " text
}

function read_at(    word, at, verb, rest, id)
{
    word = next_word()
    if (word ~ /~/) refuse("when: " word "; a fixed instant is right here")
    at = word ~ /^\+/ ? last_at + seconds(substr(word, 2)) : seconds(word)
    last_at = at
    do {
        verb = next_word()
        rest = read_action(verb)
        id = FNR "." ++statements
        schedule(at, id, "begin", verb " " rest)
        print "statement " id " " verb_text
        if (take("for")) schedule(at + seconds(next_word()), id, "end", verb " " rest)
    } while (peek() != "")
}

BEGIN {
    split("ns 1e-9 us 1e-6 ms 1e-3 s 1 m 60 min 60", pairs, " ")
    for (i = 1; i in pairs; i += 2) scale[pairs[i]] = pairs[i + 1]
    number_key["base"] = "advbase"
    number_key["skew"] = "advskew"
    number_key["ratio"] = "dead-ratio"
    time_key["hold-down"] = "hold-down"
    time_key["preempt-delay"] = "preempt-delay"
    split("crash boot kill stop start freeze thaw down up", pairs, " ")
    for (i = 1; i <= 9; i++) on_node[pairs[i]] = 1
}

{
    line = $0
    sub(/#.*/, "", line)
    sub(/^[ \t]+/, "", line)
    gsub(/[{}]/, " & ", line)
    gsub(/=/, " ", line)
    if (line ~ /^at .*split/) gsub(/,/, " ", line)
    word_count = split(line, words, " ")
    word_at = 0
}

word_count == 0 { next }

words[1] ~ /^(expect|never|sometimes)$/ { next }

{
    statement = next_word()
    if (statement == "seed" || statement == "horizon") {
        do {
            if (statement == "horizon") horizon = seconds(next_word())
            else if (statement == "seed") print "head seed " next_word()
            else refuse("'" statement "': seed and horizon are right here")
        } while ((statement = next_word()) != "")
    } else if (statement == "group") {
        group = "group " next_word()
        while ((word = next_word()) != "")
            if (!group_option(group, word))
                refuse("option " word " of a group: both sides can do vip, base, skew, ratio, preempt, " \
                    "hold-down and preempt-delay")
    } else if (statement == "switch" && the_switch == "" && word_count == 2) {
        the_switch = next_word()
        print "head switch " the_switch
    } else if (statement == "node") {
        read_node()
    } else if (statement == "at") {
        read_at()
    } else {
        refuse("'" statement "': both sides can do seed, horizon, group, one plain switch, node and at")
    }
    if (peek() != "") refuse("'" peek() "' is more than both sides can do")
}

END {
    if (refused) exit 2
    if (horizon <= 0 || horizon > 12 || nodes < 2) {
        printf "%s: two or three nodes and a horizon of at most 12s are right here\n", FILENAME >"/dev/stderr"
        exit 2
    }
    print "horizon " horizon
    for (n = 1; n <= nodes; n++) {
        name = "h" n
        print "node " name " " address[name]
        print "node_text " name " " node_text[name]
        print "vip " setting[name, "vip"]
        print "yaml " name " vhid: " vhid[name]
        print "yaml " name " addresses: [" setting[name, "vip"] "/24]"
        for (key in setting) {
            split(key, copy, SUBSEP)
            if (copy[1] == name && copy[2] != "vip") print "yaml " name " " copy[2] ": " setting[key]
        }
        if (starts[name] >= 0) schedule(starts[name], "node", "begin", "start " name)
    }
    for (i = 2; i <= dos; i++) # by insertion: what is written first comes first of what is equal
        for (k = i; k > 1 && do_at[order[k - 1]] > do_at[order[k]]; k--) {
            swap = order[k]
            order[k] = order[k - 1]
            order[k - 1] = swap
        }
    for (i = 1; i <= dos; i++) {
        if (do_at[order[i]] >= horizon) {
            printf "%s: something would happen at %s s, not before the horizon\n", FILENAME,
                do_at[order[i]] >"/dev/stderr"
            exit 2
        }
        printf "do %.6f %s\n", do_at[order[i]], do_text[order[i]]
    }
}
