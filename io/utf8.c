#include "io/utf8.h"

#include <stdbool.h>

/* Source: RFC 3629 section 4. */
int utf8_size(const unsigned char *s)
{
    unsigned first = s[0];
    int size = first < 0x80                    ? 1
               : first >= 0xc2 && first < 0xe0 ? 2
               : (first & 0xf0) == 0xe0        ? 3
               : first >= 0xf0 && first < 0xf5 ? 4
                                               : 0;
    for (int i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool wrong = (first == 0xe0 && s[1] < 0xa0) || /* longer than need be */
                 (first == 0xed && s[1] > 0x9f) || /* half of a surrogate pair */
                 (first == 0xf0 && s[1] < 0x90) || (first == 0xf4 && s[1] > 0x8f);
    return wrong ? 0 : size;
}
