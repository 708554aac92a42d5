#!/usr/bin/env bash
# Does the simulator foretell what happens? Ten scenarios (fidelity/*.scn) are run by carpd in network
# namespaces, all at once and each in its own, and by carplab sim with the instants at which things
# really were done. The transitions must be the same, for the same reasons and in the same order, the
# addresses must be on the same hosts, and the times are compared.
#
#   45_fidelity.sh                   all ten, and a summary
#   45_fidelity.sh FILE.scn          one, with its table
. "$(dirname "$0")/lib.sh"

[ -x "$bin/carplab" ] || fail "$bin/carplab is not built"
tools=$here/fidelity

# In ms. Test machines are shared, and one process that is run late once shifts a master's adverts and all
# that follows from them: the figures are what to look at. The kernel looks at lifetimes of addresses no
# more than once a second.
difference_max=200
lifetime_max=1500

lead=1 # s; simulated time is this much more, for daemons may start before the epoch

# --- time ---------------------------------------------------------------------------------------

# In short pieces, so that a signal to the test is soon obeyed. Not by read -t: bash 5.2 dies of its
# alarm when a trap has ended the read. wait_until MICROSECONDS_SINCE_1970
wait_until()
{
    local left=$(($1 - ${EPOCHREALTIME/./})) turns=0 piece
    while [ "$left" -gt 0 ] && [ "$turns" -lt 1000 ]; do
        printf -v piece '0.%06d' $((left < 500000 ? left : 500000))
        sleep "$piece"
        left=$(($1 - ${EPOCHREALTIME/./}))
        turns=$((turns + 1))
    done
}

# Seconds with six decimals, as microseconds.
microseconds()
{
    echo $((10#${1/./}))
}

# --- what can be done ---------------------------------------------------------------------------

declare -A worker=() # host -> carpd's process that does the work
splits=()            # chains of rules on the switch
faults=()

find_worker()
{
    local children=
    read -r children _ 2>/dev/null <"/proc/${pid_of[$1]}/task/${pid_of[$1]}/children" || true
    [ -n "$children" ] || fail "$1 has no worker process to be acted on"
    worker[$1]=$children
}

# On the switch: a host's packet sockets hear frames before its own rules do.
# drop_between CHAIN FROM TO CONDITION...
drop_between()
{
    local rule="add rule bridge fidelity $1"
    [ "$2" = '*' ] || rule+=" iifname \"$2\""
    [ "$3" = '*' ] || rule+=" oifname \"$3\""
    echo "$rule ${*:4} drop"
}

# split_rules CHAIN h1 / h2 h3
split_rules()
{
    local chain=$1 side=0 word from to
    local -A side_of=()
    for word in "${@:2}"; do
        if [ "$word" = / ]; then
            side=$((side + 1))
        else
            side_of[$word]=$side
        fi
    done
    for from in "${!side_of[@]}"; do
        for to in "${!side_of[@]}"; do
            [ "${side_of[$from]}" = "${side_of[$to]}" ] || drop_between "$chain" "$from" "$to"
        done
    done
}

# pair_rules CHAIN FROM TO one|both CONDITION...
pair_rules()
{
    drop_between "$1" "$2" "$3" "${@:5}"
    [ "$4" = one ] || drop_between "$1" "$3" "$2" "${@:5}"
}

# The rule counts what it sees from 0: ordinals 1,3 are { 0, 2 }.
ordinals_condition()
{
    local ordinal list=
    for ordinal in ${1//,/ }; do
        list+="${list:+, }$((ordinal - 1))"
    done
    echo "numgen inc mod 1000000 { $list }"
}

# fault_begin CHAIN VERB WORDS...: as fidelity/plan.awk has them
fault_begin()
{
    local chain=$1 verb=$2 adverts="ether type ip ip protocol 112"
    shift 2
    {
        echo "add chain bridge fidelity $chain"
        case $verb in
        split) split_rules "$chain" "$@" ;;
        block) pair_rules "$chain" "${@:1:3}" ${4:+"$adverts"} ;;
        lose) pair_rules "$chain" "${@:1:3}" "$adverts" "$(ordinals_condition "$4")" ;;
        esac
        echo "add rule bridge fidelity faults jump $chain"
    } | on switch nft -f -
}

# faults_end CHAIN...
faults_end()
{
    [ $# -eq 0 ] || printf 'flush chain bridge fidelity %s\n' "$@" | on switch nft -f -
}

daemon_boot()
{
    daemon_start "$1" "$bin/carpd" -c "$work/$1.yaml"
}

# The far end of a host's cable, by a process that waits for such words: no program is loaded first.
cable()
{
    echo "link set dev $1 $2" >&"$cables"
}

power_off()
{
    kill -STOP "${worker[$1]}" # so that it cannot act on its guardian's death
    kill -KILL "${pid_of[$1]}" "${worker[$1]}"
    cable "$1" down
    ip -n "$(namespace_of "$1")" addr del "$vip/24" dev eth0 2>/dev/null || true
    wait "${pid_of[$1]}" 2>/dev/null || true
}

# What ends a statement that was given a time.
opposite()
{
    case $1 in
    crash) verb=boot ;;
    boot) verb=crash ;;
    kill | stop) verb=start ;;
    start) verb=stop ;;
    freeze) verb=thaw ;;
    down) verb=up ;;
    up) verb=down ;;
    split) verb='join' ;;
    block | lose) verb=pass ;;
    esac
}

# act SECONDS ID begin|end VERB WORDS...: a line of the plan. Its instant is read just before the deed.
act()
{
    local planned=$1 id=$2 what=$3 asked=$4 verb=$4 chain=f${2//./_} at
    shift 4
    [ "$what" = begin ] || opposite "$asked"
    case $verb in
    crash | kill | freeze) find_worker "$1" ;;
    esac
    at=$EPOCHREALTIME
    case $verb in
    crash) power_off "$1" ;;
    boot) cable "$1" up && daemon_boot "$1" ;;
    kill) kill -KILL "${worker[$1]}" ;;
    stop) kill -TERM "${pid_of[$1]}" ;;
    start) daemon_boot "$1" ;;
    freeze)
        [ "${2-}" != all ] || kill -STOP "${pid_of[$1]}" # the guardian first, so that it does not see it
        kill -STOP "${worker[$1]}"
        ;;
    thaw) kill -CONT "${worker[$1]}" "${pid_of[$1]}" ;;
    down | up) cable "$1" "$verb" ;;
    split)
        faults_end "${splits[@]}"
        fault_begin "$chain" split "$@"
        splits=("$chain")
        ;;
    block | lose)
        fault_begin "$chain" "$verb" "$@"
        faults+=("$chain")
        ;;
    pass) faults_end "$chain" ;;
    join)
        faults_end "${splits[@]}"
        splits=()
        ;;
    heal)
        faults_end "${splits[@]}" "${faults[@]}"
        splits=() faults=()
        for host in "${hosts[@]}"; do
            cable "$host" up
        done
        ;;
    esac
    echo "$id $what $planned $at $asked $*" >>"$work/acts"
}

# --- one scenario -------------------------------------------------------------------------------

# The network and the files; nothing runs yet but the witnesses.
prepare()
{
    local addresses
    mapfile -t hosts < <(awk '$1 == "node" { print $2 }' "$work/plan")
    mapfile -t addresses < <(awk '$1 == "node" { print $3 }' "$work/plan")
    vip=$(awk '$1 == "vip" { print $2; exit }' "$work/plan")
    horizon=$(awk '$1 == "horizon" { printf "%.6f", $2 }' "$work/plan")
    segment "${#hosts[@]}" "${addresses[@]}"
    on switch nft -f - <<'NFT'
table bridge fidelity {
    chain faults { type filter hook forward priority 0; }
}
NFT
    for host in "${hosts[@]}"; do
        {
            printf 'log: {level: debug}\ngroups:\n  g:\n    interface: eth0\n    key: secret\n'
            echo "    source: ${ipv4_of[$host]}"
            awk -v host="$host" '$1 == "yaml" && $2 == host { print "    " $3 " " $4 }' "$work/plan"
        } >"$work/$host.yaml"
        chmod 600 "$work/$host.yaml"
        on "$host" "$bin/carpd" --check -c "$work/$host.yaml" >/dev/null 2>"$work/check.err" ||
            fail "$host: $(cat "$work/check.err")"
    done
    exec {cables}> >(exec ip -n "$(namespace_of switch)" -batch - 2>"$work/cables.err")
    witnesses+=($!)
}

# A process takes its time to start, and on a busy machine much of it: the scenario's time begins when
# the first of those that start with it takes part, so that what is planned between two adverts of a
# master comes between them.
begin_time()
{
    local line first=
    for line in "${plan[@]}"; do
        read -ra words <<<"$line"
        if [ "${words[1]}" = 0.000000 ] && [ "${words[2]}" = node ]; then
            act - "${words[@]:2}"
            first=${first:-${words[5]}}
        fi
    done
    [ -n "$first" ] || fail "a node must start with the scenario"
    wait_for 10 "$first takes part" log_has "$first" "INIT -> BACKUP"
    epoch=$(awk -v epoch=0 -v fraction=0 -v until=1e99 -f "$tools/real.awk" "$work/$first.log")
    epoch=$(microseconds "${epoch%% *}")
}

# Everything that is planned, at its instant; returns at the horizon.
perform()
{
    local line plan words
    mapfile -t plan < <(grep '^do ' "$work/plan")
    : >"$work/acts"
    begin_time
    for line in "${plan[@]}"; do
        read -ra words <<<"$line"
        if [ "${words[1]}" != 0.000000 ]; then
            wait_until $((epoch + $(microseconds "${words[1]}")))
            act "${words[@]:1}"
        fi
    done
    wait_until $((epoch + $(microseconds "$horizon")))
}

# What was seen, then what the simulator makes of the measured instants, then both side by side.
judge()
{
    local seconds=${epoch%??????}.${epoch: -6} logs=() watches=()
    for host in "${hosts[@]}"; do
        logs+=("$work/$host.log")
        watches+=("$work/$host.watch")
    done
    awk -v epoch="$seconds" '{ $4 = sprintf("%.6f", $4 - epoch); print }' "$work/acts" >"$work/done"
    awk -v epoch="${epoch%??????}" -v fraction="0.${epoch: -6}" -v until="$horizon" \
        -f "$tools/real.awk" "${logs[@]}" | sort -n >"$work/real"
    : >"$work/starts"
    awk -v lead="$lead" -v starts="$work/starts" -f "$tools/measured.awk" \
        "$work/plan" "$work/real" "$work/done" >"$work/measured.scn"
    "$bin/carplab" sim "$work/measured.scn" --json "$work/json" >"$work/simulated.log" ||
        fail "the simulator itself finds fault with the measured scenario"
    adverts >"$work/adverts"
    awk -v name="$name" -v epoch="$seconds" -v until="$horizon" -v lead="$lead" -v address="$vip" \
        -v nodes="${#hosts[@]}" -f "$tools/compare.awk" "$work/plan" "$work/json" "$work/real" \
        "$work/starts" "$work/adverts" "${watches[@]}" >"$work/rows"
}

# The hosts that hold the address at the simulated end: "h1" or "h1 h2".
simulated_holders()
{
    awk '/"kind":"holds"/ {
            match($0, /"node":"[^"]*"/)
            holds[substr($0, RSTART + 8, RLENGTH - 9)] = /"holds":true/
        }
        END { for (node in holds) if (holds[node]) print node }' "$work/json" | sort | paste -s -d ' '
}

# What is the same in kind must be near in time, too.
check_rows()
{
    local lost_max=$difference_max
    ! grep -q "^do .* begin freeze .* all" "$work/plan" || lost_max=$lifetime_max
    check_equal "what is not as it is simulated" "" "$(grep ^DIFFERS "$work/rows" || true)"
    check_equal "who holds $vip in the end, as it is simulated" "$(simulated_holders)" "$held"
    check_equal "differences that are too long" "" \
        "$(awk -v most="$difference_max" -v lost_most="$lost_max" '
            { bound = $1 == "ADDRESS" && $5 == "lost" ? lost_most : most }
            $NF != "cause" && ($NF > bound || $NF < -bound) { print }' "$work/rows")"
}

# What was done, how late; and what followed, when, in the simulator and in fact.
show_rows()
{
    awk -v name="$name" '
        FNR == NR && $1 != "node" {
            line = $1
            sub(/[.].*/, "", line)
            printf "%-10s line %s at %.6f s, %.3f ms late:%s", name, line, $4, ($4 - $3) * 1000,
                $2 == "end" ? " the end of" : ""
            for (i = 5; i <= NF; i++) printf " %s", $i
            print ""
        }
        FNR != NR && $1 ~ /^(TRANSITION|ADDRESS)$/ {
            what = $1 == "ADDRESS" ? "address " $5 : $5 " " $6
            sub(/>/, " -> ", what)
            printf "%-10s %-3s %2d  %-34s %10.6f %10.6f %10s\n", $2, $3, $4, what,
                $(NF - 2), $(NF - 1), $NF
        }' "$work/done" "$work/rows"
}

# run_scenario FILE [DIRECTORY INDEX]: with others, when there is a directory to meet them in. They
# begin one after the other, for starting is what costs most.
run_scenario()
{
    local file=$1 meet=${2-} index=${3-0} begin
    name=$(basename "$file" .scn)
    [ -r "$file" ] || fail "there is no scenario $file"
    awk -f "$tools/plan.awk" "$file" >"$work/plan" || fail "$file is not for both sides"
    "$bin/carplab" sim "$file" >"$work/simulated.log" ||
        fail "$file: the simulator's own expectations do not hold"
    prepare
    if [ -n "$meet" ]; then
        : >"$meet/$name.ready"
        wait_for 60 "the other scenarios are ready" test -e "$meet/go"
        begin=$(cat "$meet/go")
        wait_until $((begin + index * 300000))
    fi
    perform
    held=$(holders "$vip")
    # Taking networks down keeps the kernel busy: not before all are done.
    [ -z "$meet" ] || wait_until $((begin + 16000000))
    judge
    show_rows
    [ -z "$meet" ] || cp "$work/rows" "$meet/$name.rows"
    [ -z "$meet" ] || cp "$work/done" "$meet/$name.done"
    [ -z "$meet" ] || cp "$work/starts" "$meet/$name.starts"
    check_rows
}

# --- all of them --------------------------------------------------------------------------------

# So are all, or one has ended already, which will be told of.
all_ready()
{
    local ready=("$work"/*.ready)
    local pid
    for pid in "${part[@]}"; do
        kill -0 "$pid" 2>/dev/null || return 0
    done
    [ "${#ready[@]}" -ge "${#scenarios[@]}" ] && [ -e "${ready[0]}" ]
}

# Of the sizes of numbers on standard input, one a line: statistics COMMAND_OF_AWK, which has the
# count n, the sorted v[1] to v[n], and rank(SHARE)
statistics()
{
    sed 's/^-//' | sort -n | awk '
        function rank(share,    k) { k = int(share * n); return v[k < share * n ? k + 1 : k] }
        { v[++n] = $1 }
        END { '"$1"' }'
}

# figures NAME: the three that are asked of each kind of difference
figures()
{
    statistics 'printf "%d %.3f %.3f %.3f\n", n, rank(0.5), rank(0.99), rank(1)' | {
        read -r count median p99 longest
        figure "$1_count" "$count" times
        figure "$1_median" "$median" ms
        figure "$1_p99" "$p99" ms
        figure "$1_max" "$longest" ms
    }
}

# differences KIND FILE...: of the rows of one kind, in ms
differences()
{
    awk -v kind="$1" '$1 == kind && $NF != "cause" { print $NF }' "${@:2}"
}

summary()
{
    local file
    echo "scenario    transitions  median ms  longest ms"
    for file in "${scenarios[@]}"; do
        name=$(basename "$file" .scn)
        differences TRANSITION "$work/$name.rows" | statistics \
            'printf "%-11s %11d %10.3f %11.3f\n", "'"$name"'", n, rank(0.5), rank(1)'
    done
    differences TRANSITION "$work"/*.rows | figures fidelity
    differences ADDRESS "$work"/*.rows | figures fidelity_address
    differences ADVERT "$work"/*.rows | figures fidelity_advert_after
    awk '{ print ($3 - $2) * 1000 }' "$work"/*.starts | figures fidelity_start
    awk '$3 != "-" { print ($4 - $3) * 1000 }' "$work"/*.done | figures fidelity_done_late
    figure fidelity_differs "$(cat "$work"/*.rows | grep -c ^DIFFERS || true)" times
}

run_all()
{
    local file index failed=0 part=()
    scenarios=("$tools"/*.scn)
    for file in "${scenarios[@]}"; do
        name=$work/$(basename "$file" .scn)
        touch "$name.rows" "$name.done" "$name.starts"
        "$0" "$file" "$work" "${#part[@]}" >"$name.out" 2>&1 &
        part+=($!)
        witnesses+=($!)
    done
    wait_for 60 "all scenarios are ready" all_ready
    echo $((${EPOCHREALTIME/./} + 1000000)) >"$work/going"
    mv "$work/going" "$work/go"
    for index in "${!part[@]}"; do
        name=$(basename "${scenarios[$index]}" .scn)
        if wait "${part[$index]}"; then
            grep -v "^ok " "$work/$name.out"
        else
            failed=$((failed + 1))
            sed "s/^/$name: /" "$work/$name.out" >&2
        fi
        checks=$((checks + 1))
    done
    summary
    [ "$failed" = 0 ] || fail "$failed of ${#scenarios[@]} scenarios; what each of them showed is above"
}

if [ $# -eq 0 ]; then
    run_all
else
    run_scenario "$@"
fi
test_end
