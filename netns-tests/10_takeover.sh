#!/usr/bin/env bash
# The master goes silent just after an advert: the worst moment. The backup takes its place when
# CARP's limit is over and not before; when the cable is whole again, one of the two gives way and
# clients find the one that stays.
. "$(dirname "$0")/lib.sh"
need openssl

segment 2
carpd_on h1 -v 7 -a 10.0.0.100 -k 0
carpd_on h2 -v 7 -a 10.0.0.100 -k 100
wait_holders 6 10.0.0.100 h1
check_log h1 "Switching to state: BACKUP"
check_log h1 "Switching to state: MASTER"
check_no_log h2 "Switching to state: MASTER"
client_start client 10.0.0.100
wait_advert 3 h1 "$(now)" 7
check_advert_sound ip h1 7 0a000064

await_next_advert h1 7
silent=$(now)
cut_cable h1
wait_holders 6 10.0.0.100 "h1 h2"
late=$(late_ms h1 h2 "$silent" "$(down_ms 1 100)" 7)
check_within "ms from the limit to the new master's first advert" -1 500 "$late"
check_within "announcements by the new master" 1 9 "$(count_announcements h2 10.0.0.100 "$silent")"
check_advert_sound ip h2 7 0a000064
figure takeover_late "$late" ms

healed=$(now)
mend
wait_holders 4 10.0.0.100 h1
overlap=$(ms_from_to "$healed" "$(held_at h2 lost 10.0.0.100)")
check_within "ms with two masters after the cable was whole again" 0 2000 "$overlap"
check_log h2 "Preferred master advertised"
wait_advert 3 h1 "$(now)" 7
check_within "announcements by the host that stays" 1 9 "$(count_announcements h1 10.0.0.100 "$healed")"
client_stop client
check_equal "who answers the client in the end" h1 "$(client_fact client last_host)"
check_within "ms without an answer" 2000 4100 "$(client_fact client gap_ms_max)"
figure client_gap "$(client_fact client gap_ms_max)" ms
figure overlap_after_healing "$overlap" ms
test_end
