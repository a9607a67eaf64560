/* Takes the place of a few functions of the C library in one process: a name that cannot be looked up at first, and a machine
   without certificate authorities. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* TORTURE_DNS_FAILS: how many look-ups of this name fail before it is found to be this machine's. */
static int failed_lookups;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
  const char *fails = getenv("TORTURE_DNS_FAILS");
  if (fails && node && strcmp(node, "api.torture.test") == 0) {
    if (__sync_fetch_and_add(&failed_lookups, 1) < atoi(fails)) return EAI_AGAIN;
    node = "127.0.0.1";
  }
  return real(node, service, hints, found);
}

/* TORTURE_NO_ROOTS: the folders in which systems keep their authorities are not there. */
static int hidden(const char *path) {
  static const char *const places[] = {"/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/cert",
                                       "/usr/lib/ssl", "/usr/local/ssl", "/usr/share/ssl", "/etc/openssl",
                                       "/etc/certs", "/var/ssl", "/opt/etc/ssl", "/usr/local/etc/openssl"};
  if (!path || !getenv("TORTURE_NO_ROOTS")) return 0;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (strncmp(path, places[i], strlen(places[i])) == 0) {
      errno = ENOENT;
      return 1;
    }
  return 0;
}

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict into) {
  int (*real)(int, const char *, int, unsigned, struct statx *) = dlsym(RTLD_NEXT, "statx");
  return hidden(path) ? -1 : real(folder, path, flags, mask, into);
}

int stat64(const char *restrict path, struct stat64 *restrict into) {
  int (*real)(const char *, struct stat64 *) = dlsym(RTLD_NEXT, "stat64");
  return hidden(path) ? -1 : real(path, into);
}

static mode_t mode_of(int flags, va_list rest) { return flags & O_CREAT ? va_arg(rest, mode_t) : 0; }

int open64(const char *path, int flags, ...) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return hidden(path) ? -1 : real(path, flags, mode);
}

DIR *opendir(const char *path) {
  DIR *(*real)(const char *) = dlsym(RTLD_NEXT, "opendir");
  return hidden(path) ? NULL : real(path);
}
