#ifndef PASSENGER_LAUNCH_GUARD_H
#define PASSENGER_LAUNCH_GUARD_H

// Reads process groups from standard input until its end, then kills those that are left. Returns the exit status.
int guard_groups(void);

#endif
