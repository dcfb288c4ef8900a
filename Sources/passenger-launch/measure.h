#ifndef PASSENGER_LAUNCH_MEASURE_H
#define PASSENGER_LAUNCH_MEASURE_H

// Answers questions on standard input, a packet socket, until it is closed. With root's rights it first becomes this user,
// and keeps of them only that of looking into other processes. Returns the exit status.
int measure_processes(const char *uid, const char *gid);

#endif
