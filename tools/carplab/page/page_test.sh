#!/usr/bin/env bash
# Pages as a browser shows them: drawn by headless Chromium, asked by the attributes that page.js sets
# on <html>, and held against what the same run said as JSON Lines and wrote as a capture, what tshark
# reads in that, and what the scenarios and the notes on genuine captures say.
#
#   page_test.sh CARPLAB PAGE_LAB SCENARIOS CAPTURES
set -euo pipefail
carplab=$(realpath "$1") page_lab=$(realpath "$2") scenarios=$(realpath "$3") captures=$(realpath "$4")
for tool in chromium tshark; do
    command -v $tool >/dev/null || {
        echo "$tool is not installed; tools/setup installs it"
        exit 1
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work # the browser keeps its profile there
failed=0

fail()
{
    echo "FAILED: $1"
    failed=1
}

# Load FILE#FRAGMENT; what it became is in `dom`, the attributes of <html> in `facts`.
load()
{
    chromium --headless --no-sandbox --disable-gpu --window-size=1280,720 \
        --dump-dom "file://$work/$1" >dom 2>log || {
        fail "chromium cannot run: $(tail -n 1 log)"
        exit 1
    }
    facts=$(grep -am1 -o '<html[^>]*>' dom)
    [ "$(fact errors)" = 0 ] || fail "$1 has a fault: $(grep -a 'This page has a fault' dom | head -n 1)"
}

fact()
{
    sed -nE "s/.* data-$1=\"([^\"]*)\".*/\1/p" <<<"$facts"
}

# expect WHAT WANT NAME: this attribute.
expect()
{
    [ "$(fact "$3")" = "$2" ] || fail "$1: $3 is $(fact "$3"), not $2"
}

# How many lines of a run's JSON have all of these.
lines()
{
    local file=$1 pattern
    shift
    cp "$file" found
    for pattern in "$@"; do
        grep -E "$pattern" found >fewer || true
        mv fewer found
    done
    wc -l <found
}

run()
{
    "$carplab" sim "$scenarios/$1.scn" --html "$1.html" --json "$1.json" --pcap "$1.pcapng" >"$1.out" || true
    "$carplab" sim "$scenarios/$1.scn" >plain.out || true
    cmp -s plain.out "$1.out" || fail "$1: it runs otherwise when a page is drawn"
    load "$1.html"
    # Nobody is stopped or crashes in these: a band for every change of a role, but INIT, which
    # begins and ends at 0.
    expect "$1" "$(lines "$1.json" '"kind":"transition"')" spans
    sed -nE 's/.*"time":([0-9.]+)[0-9]{3},"kind":"transition","node":"([^"]+)","vhid":([0-9]+),.*"to":"([A-Z]+)".*/\1 \2 \3 \4/p' \
        "$1.json" | sort >changed
    grep -ao '<time>[^<]*</time><i[^>]*></i><b>[^<]*' dom |
        sed -nE 's|<time>(.*)</time>.*<b>(.+) · vhid ([0-9]+) · ([A-Z]+) for .*|\1 \2 \3 \4|p' | sort >listed
    cmp -s changed listed || {
        fail "$1: roles do not begin when they changed"
        diff changed listed | head -n 4 || true
    }
    expect "$1" "$(lines "$1.json" '"kind":"sent"' '"class":"advert"')" advert
    expect "$1" "$(lines "$1.json" '"kind":"statement"|"kind":"violation"')" notes
}

# --- two parts with a master each: numbers of the scenario's head

run d_split_parts
expect "a, b and c" 3 lanes
expect "masters == 2 from 23.390645 s to 41.00002 s" 17.609375 double-seconds
expect "master a from 3 s" 3 dark-seconds
expect "lost at the split" "$(lines d_split_parts.json '"kind":"dropped"')" lost
seen=$(awk -F'[:,]' '$2 >= 20 && $2 <= 25 && /"kind":"(sent|dropped)"/' d_split_parts.json | wc -l)
load 'd_split_parts.html#from=20&to=25&select=12'
expect "the address says from where" 20 from
expect "the address says to where" 25 to
expect "what happened between 20 s and 25 s" "$seen" in-view
expect "the address says which point" 12 selected

# The packet behind an advert of a's, as tshark shows it.
at=$(sed -nE 's|.*<p class="dim">([0-9]+\.[0-9]{9}) s · .*|\1|p' dom | head -n 1)
grep -qa '<h2>advert · a · vhid 1</h2>' dom || fail "point 12 is no advert of a's"
grep -qa "2026-01-01 00:00:$(printf %012.9f "$at") UTC" dom || fail "the time of point 12 in UTC"
sed -n '/<pre id="hex">/,/<\/pre>/p' dom | sed -E 's/.*<pre id="hex">//; s/<\/pre>.*//; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' |
    sed '/^$/d' >shown
epoch=$(awk -v at="$at" 'BEGIN {split(at, part, "."); printf "%d.%s", 1767225600 + part[1], part[2]}')
tshark -r d_split_parts.pcapng -x -Y "ip.proto == 112 && frame.interface_name == \"a\" && frame.time_epoch == $epoch" 2>log |
    sed '/^$/d' >captured
if [ ! -s captured ] || ! cmp -s shown captured; then
    fail "the packet of point 12 at $at s is not the captured one"
    diff shown captured || true
fi

# --- what people do with it

cp d_split_parts.html handled.html
cat >>handled.html <<'HTML'
<script>
const press = key => chart.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
const mouse = (name, x, y) => canvas.dispatchEvent(new PointerEvent(name, {clientX: x, clientY: y, pointerId: 1, pointerType: 'mouse', button: 0}));
canvas.setPointerCapture = () => {};
const box = canvas.getBoundingClientRect();
const note = name => { draw(); root.dataset[name] = Math.round(from / 1e7) / 100 + ' ' + Math.round(to / 1e7) / 100; };
press('0'); note('all');
press('+'); note('nearer');
press('ArrowRight'); note('later');
press('0');
canvas.dispatchEvent(new WheelEvent('wheel', {clientX: box.left + xOf(30e9), clientY: box.top + 60, deltaY: -400, bubbles: true, cancelable: true}));
root.dataset.wheel = (to - from < 30e9) + ' ' + (Math.abs(atOf(xOf(30e9)) - 30e9) < 1);
const before = from;
mouse('pointerdown', box.left + 600, box.top + 100);
mouse('pointermove', box.left + 700, box.top + 100);
mouse('pointerup', box.left + 700, box.top + 100);
root.dataset.dragged = from < before;
const click = (at, y) => {
    press('0'); draw();
    mouse('pointerdown', box.left + xOf(at), box.top + y);
    mouse('pointerup', box.left + xOf(at), box.top + y);
    return picked ? subject(picked) : '';
};
const row = name => rows.find(r => r.lane && r.lane.name === name).y;
root.dataset.mark = click(10e9, row('a') + 26);
root.dataset.band = click(30e9, row('b') + 8);
root.dataset.stretch = click(30e9, groups[0].y + 5);
press('Escape'); root.dataset.nothing = String(picked);
press('n'); root.dataset.first = subject(picked);
[...document.querySelectorAll('#list button')].find(b => b.textContent.includes('join')).click();
note('join');
root.dataset.joinShown = xOf(40.2e9) > gutter && xOf(40.2e9) < width;
</script>
HTML
load handled.html
expect "0 shows all" '-0.6 60.6' all
expect "+ halves it around the middle" '14.7 45.3' nearer
expect "right moves by a fifth" '20.82 51.42' later
expect "the wheel zooms, and what it points at stays" 'true true' wheel
expect "dragging to the right shows what was before" true dragged
expect "a click on a mark" 'advert · a · vhid 1' mark
expect "a click on a band" 'b · vhid 1 · MASTER for 17.61 s' band
expect "a click above the lanes" 'vhid 1 · two masters for 17.61 s' stretch
expect "Escape" null nothing
expect "N goes to the first in view" 'event · a · vhid 1' first
expect "a note leads to its time" true join-shown

# --- refused adverts, and a persona that is dark for all but 4 ms

run d_key_mismatch
refused=$(sed -nE 's/^expect [ab]\.bad-digest == //p' "$scenarios/d_key_mismatch.scn" | paste -sd+)
expect "refused by a and b, as the scenario expects" "$((refused))" refused
run d_reflected_freebsd
expect "vhid1.dark == 599996040us" 599.99604 dark-seconds

# --- nothing from anywhere, whatever is in it

for page in *.html; do
    if grep -aEn '(src|href)=|url\(|https?:|@import' "$page"; then
        fail "$page refers to something outside"
    fi
done
"$page_lab" hostile hostile.html
load 'hostile.html#select=6'
expect "text that would be script" '' evil
for name in lanes points notes; do
    expect "twelve of each, however named" 12 $name
done
expect "groups, the empty one too" 6 groups
grep -qa '<p>ÿþÃ(â' dom || fail "bytes that are no UTF-8 are not the characters of their number"
grep -qa '0000  ff fe c3 28 e2 82 ed a0 80 ' dom || fail "bytes of a frame are not as they are"
sed 's/<noscript>/<div>/; s/<\/noscript>/<\/div>/' hostile.html >table.html # as if there were no script
load table.html
expect "text in the table that would be script" '' evil
[ "$(grep -ac '^<tr><td>' dom)" = 48 ] || fail "the table has 12 lanes, bands, stretches and notes"
evil='a</script><script>document.documentElement.dataset.evil=1<'
mkdir -p "$(dirname "$evil")"
cp "$scenarios/d_key_mismatch.scn" "$evil"
"$carplab" sim "$evil" --html named.html >/dev/null
load named.html
expect "a scenario's name that would be script" '' evil
expect "a scenario whatever its name" 2 lanes

# --- genuine captures

# UCARP alone: 28 adverts, 9 gratuitous ARPs; the longest and the second silence end with a takeover.
"$carplab" replay "$captures/ucarp-1.5.2.pcap" --html capture.html >/dev/null
load "capture.html#select=0"
expect "two UCARPs" 2 lanes
expect "adverts of two UCARPs" 28 advert
expect "gratuitous ARPs of two UCARPs" 9 announcement
expect "adverts 12 to 13 and 22 to 23 of tshark" 9.628565 dark-seconds
expect "until the last word of the one that yields" 0.971348 double-seconds
# The first packet of all, which is known to be an announcement only later.
sed -n '/<pre id="hex">/,/<\/pre>/p' dom | sed -E 's/.*<pre id="hex">//; s/<\/pre>.*//; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' |
    sed '/^$/d' >shown
tshark -r "$captures/ucarp-1.5.2.pcap" -x -c 1 2>log | sed '/^$/d' >captured
cmp -s shown captured || fail "the packet of point 0 is not the first one captured"

# Two set down in order, each with a farewell; each takeover announces two addresses.
"$carplab" replay "$captures/netbsd-7.99.34-v4-failover-bowout.pcap" --html capture.html >/dev/null
load capture.html
expect "two farewells" 2 farewell
expect "19 adverts but for those" 17 advert
expect "three takeovers of two addresses" 6 announcement

# With keys, whoever has another refuses: all of B's adverts.
"$carplab" replay --key secret --address 192.0.2.7 "$captures/netbsd-7.99.34-v4-badkey.pcap" --html capture.html >/dev/null
load capture.html
expect "adverts of B" "$(tshark -r "$captures/netbsd-7.99.34-v4-badkey.pcap" -Y 'ip.proto == 112 && ip.src == 192.0.2.12' 2>log | wc -l)" refused

# --- many

"$page_lab" many 100000 many.html
load many.html
expect "100,000 points" 100000 points
echo "100,000 points: read in $(fact read-ms) ms, drawn in $(fact draw-ms) ms"
"$page_lab" many 1000000 more.html
load more.html
points=$(fact points)
if [ "$points" -lt 50000 ] || [ "$points" -gt 200000 ]; then
    fail "$points points of a million are kept"
fi
[ "$(stat -c %s more.html)" -lt $((64 << 20)) ] || fail "a page of more than 64 MiB"
left_out=$(sed -nE 's/.*Thinned: .*th; ([0-9,]+) adverts and ([0-9,]+) other points were left out.*/\1+\2/p' dom |
    tr -d ,)
[ $((points + ${left_out:-0})) = 1000000 ] || fail "$points points, and ${left_out:-none} left out, of a million"
[ "$(fact farewell)" -ge $((8 * 200)) ] || fail "the first 200 farewells of each lane are kept"

# --- a page that cannot be written

status=0
"$carplab" replay "$captures/ucarp-1.5.2.pcap" --html no/such/folder >/dev/null 2>err || status=$?
[ "$status" = 2 ] && grep -q 'no/such/folder: No such file' err || fail "a capture's page: status $status, $(cat err)"
for bad in "no/such/folder" /dev/full; do
    status=0
    "$carplab" sim "$scenarios/d_key_mismatch.scn" --html $bad >/dev/null 2>err || status=$?
    if [ $status != 2 ] || [ "$(wc -l <err)" != 1 ]; then
        fail "--html $bad: status $status, $(cat err)"
    fi
done

[ $failed -eq 0 ] && echo "pages are what they should be"
exit $failed
