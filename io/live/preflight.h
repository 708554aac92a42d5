/*
 * Could carpd run here, as it is configured? Everything that can be known before anything is
 * changed.
 *
 * Functions return 0, or 2 with one line in error that names the remedy.
 */
#ifndef CARP_IO_LIVE_PREFLIGHT_H
#define CARP_IO_LIVE_PREFLIGHT_H

#include "io/live/confine.h"

/* What any machine can tell that has the same files: accounts, commands, the journal's place. Fills
 * users. */
int preflight_files(const struct config *config, struct confine_users *users,
                    char error[CONFIG_ERROR_MAX]);

/* And what only this one can, now: interfaces, and the rights to send raw frames and set addresses.
 */
int preflight(const struct config *config, struct confine_users *users,
              char error[CONFIG_ERROR_MAX]);

#endif
