/*
 * The commands of carplab. Each gets its own arguments, argv[0] being its name, and returns the
 * exit status: 0 all is well; 1 it ran, and something that was asked for does not hold; 2 it could
 * not run, with one line on stderr.
 */
#ifndef CARP_TOOLS_CARPLAB_H
#define CARP_TOOLS_CARPLAB_H

int command_bench(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_sim(int argc, char **argv);
int command_test(int argc, char **argv);

#endif
