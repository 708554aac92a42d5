#!/bin/sh
# Every header compiles alone.
set -eu
cd "$(dirname "$0")/../.."
status=0
for header in $(find engine io sim fuzz tools -name '*.h'); do
    cc -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror -I. -fsyntax-only -x c "$header" || status=1
done
exit $status
