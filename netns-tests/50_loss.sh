#!/usr/bin/env bash
# Adverts get lost at random: 10 % for groups at the usual pace and a faster one (50 ms), then 30 %,
# where three in a row are lost often. A backup may take over then, that is CARP; but two hosts must
# not hold an address for long, nor nobody, and in the end there is one.
. "$(dirname "$0")/lib.sh"

segment 2
carpd_on h1.g1 -v 1 -a 10.0.0.101 -k 0
carpd_on h2.g1 -v 1 -a 10.0.0.101 -k 100
carpd_on h1.g2 -v 2 -a 10.0.0.102 -b 0 -k 13
carpd_on h2.g2 -v 2 -a 10.0.0.102 -b 0 -k 14
wait_holders 6 10.0.0.101 h1
wait_holders 6 10.0.0.102 "$(holders 10.0.0.102)"

# losing PERCENT SECONDS
losing()
{
    local begun vhid bound
    begun=$(now)
    lose_adverts "$1"
    sleep "$2"
    for vhid in 1 2; do
        # An advert each interval, heard with the probability that is left: ten in a row lost is out
        # of the question.
        bound=$((vhid == 1 ? 6000 : 1500))
        check_within "ms with two holders at $1 % loss, group $vhid" 0 "$bound" \
            "$(overlap_ms "10.0.0.10$vhid" "$begun")"
        check_within "ms without a holder at $1 % loss, group $vhid" 0 500 \
            "$(vacant_ms "10.0.0.10$vhid" "$begun")"
        figure "loss_${1}_overlap_$vhid" "$(overlap_ms "10.0.0.10$vhid" "$begun")" ms
        figure "loss_${1}_takeovers_$vhid" "$(cat "$work"/h?.watch | awk -v a="10.0.0.10$vhid" -v from="$begun" '
            $1 >= from && $3 == "got" && $4 == a { n++ } END { print n + 0 }')" times
    done
}
losing 10 8
losing 30 8
lose_adverts 0
sleep 2
for vhid in 1 2; do
    check_equal "how many hold the address of group $vhid" 1 "$(wc -w <<<"$(holders "10.0.0.10$vhid")")"
done
settled=$(now)
sleep 2
for vhid in 1 2; do
    check_equal "ms with two holders once all adverts arrive, group $vhid" 0.000 \
        "$(overlap_ms "10.0.0.10$vhid" "$settled")"
done
test_end
