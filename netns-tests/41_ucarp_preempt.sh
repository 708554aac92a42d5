#!/usr/bin/env bash
# Preemption between Debian's ucarp and carpd, both ways, and its absence.
#   1  a slower carpd is master, ucarp -P comes      2  a slower ucarp is master, carpd -P comes
#   3  a slower carpd is master, ucarp comes         4  a slower ucarp is master, carpd comes
. "$(dirname "$0")/lib.sh"
need ucarp

segment 2
carpd_on h1.g1 -v 1 -a 10.0.0.101 -k 100
ucarp_on h1.g2 -v 2 -a 10.0.0.102 -k 100 -z
carpd_on h1.g3 -v 3 -a 10.0.0.103 -k 100
ucarp_on h1.g4 -v 4 -a 10.0.0.104 -k 100 -z
for vhid in 1 2 3 4; do
    wait_holders 8 "10.0.0.10$vhid" h1
done
came=$(now)
ucarp_on h2.g1 -v 1 -a 10.0.0.101 -k 0 -P -z
carpd_on h2.g2 -v 2 -a 10.0.0.102 -k 0 -P
ucarp_on h2.g3 -v 3 -a 10.0.0.103 -k 0 -z
carpd_on h2.g4 -v 4 -a 10.0.0.104 -k 0

# A slow master advertises every 1.4 s; ucarp acts on it up to a second late, and yields as late.
wait_holders 5 10.0.0.101 h2
wait_holders 5 10.0.0.102 h2
for vhid in 1 2; do
    first=$(first_advert h2 "$came" "$vhid")
    delay=$(ms_from_to "$(last_advert h1 "$first" "$vhid")" "$first")
    figure "ucarp_preempt_${vhid}_delay" "$delay" ms
    figure "ucarp_preempt_${vhid}_overlap" "$(overlap_ms "10.0.0.10$vhid" "$came")" ms
done
check_within "ms from the slower ucarp's advert to ours" 0 500 "$delay"
check_within "ms with two holders, ucarp coming" 0 500 "$(overlap_ms 10.0.0.101 "$came")"
check_within "ms with two holders, ucarp going" 0 2500 "$(overlap_ms 10.0.0.102 "$came")"
check_log h2.g2 "Putting MASTER down - preemption"
check_log h1.g2 "Preferred master advertised"

sleep "$(calc "6 - ($(now) - $came) > 0 ? 6 - ($(now) - $came) : 0")"
for vhid in 3 4; do
    check_holders "10.0.0.10$vhid" h1
    check_never_held h2 "10.0.0.10$vhid"
    check_equal "adverts of the one that came, group $vhid" 0 "$(count_adverts h2 0 "" "$vhid")"
done
for vhid in 1 2; do
    check_holders "10.0.0.10$vhid" h2
done
test_end
