#include "tools/carplab/carplab.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} commands[] = {
    {"sim", command_sim,
     "sim     SCENARIO [--seed N] [--trace] [--json F] [--pcap F] [--journal DIR] [--html F]"},
    {"test", command_test, "test    SCENARIO|DIR... [--seed N] [--jobs N] [--junit F]"},
    {"decode", command_decode,
     "decode  [--key TEXT|--key-hex HEX|--key-file F] [--address A]... [--json] FILE|--hex HEX"},
    {"replay", command_replay,
     "replay  [--key TEXT|--key-hex HEX|--key-file F] [--address A]... [--json] [--html F]\n"
     "                    [--to-scenario F] [--config F|--vhid N [--as HOST] [--advskew N ...]] "
     "FILE..."},
    {"bench", command_bench, "bench   [NAME...] [--json]"},
};

static void usage(FILE *to)
{
    fputs("carplab: what can be done with CARP without a network\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(to, "    carplab %s\n", commands[i].usage);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("carplab: no command; carplab --help lists them\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "carplab: unknown command %s; carplab --help lists them\n", argv[1]);
    return 2;
}
