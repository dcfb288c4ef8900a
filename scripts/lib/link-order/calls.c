/* Notes each function of the program that a process calls, once: LD_PRELOAD it, with CALLS_DIRECTORY naming a directory that
   the process can write in. Each process keeps a file there that is named for its pid, of the addresses of these functions in
   the program's file, 8 bytes each, in the order of their first calls.

   The first byte of each function becomes a breakpoint, which its first call takes away again. x86-64 only. */

#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

enum { BREAKPOINT = 0xCC, OWN_DESCRIPTORS = 900 };

static const unsigned char *file;
static const Elf64_Shdr *text;
static uintptr_t base;
static int calls = -1;

static int take_base(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size, (void)context;
    base = info->dlpi_addr;
    return 1;  // the program is the first
}

static int is_text(uintptr_t address) { return address >= text->sh_addr && address - text->sh_addr < text->sh_size; }

// Another thread may have come here for the same function, and its byte back already: it just tries again.
static void note(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t place = (uintptr_t)registers[REG_RIP] - 1, address = place - base;
    (void)info;
    if (!is_text(address)) {
        signal(number, SIG_DFL);
        return;
    }
    *(volatile unsigned char *)place = file[address - text->sh_addr + text->sh_offset];
    registers[REG_RIP] = (greg_t)place;
    ssize_t ignored = write(calls, &address, sizeof address);
    (void)ignored;
}

static const Elf64_Shdr *find_sections(const unsigned char *bytes) {
    const Elf64_Ehdr *header = (const void *)bytes;
    const Elf64_Shdr *sections = (const void *)(bytes + header->e_shoff), *symbols = NULL;
    const char *names = (const char *)bytes + sections[header->e_shstrndx].sh_offset;
    for (int i = 0; i < header->e_shnum; i++) {
        if (strcmp(names + sections[i].sh_name, ".text") == 0) text = sections + i;
        if (sections[i].sh_type == SHT_SYMTAB) symbols = sections + i;
    }
    return text ? symbols : NULL;
}

static int is_program(const char *path) {
    char found[4096];
    ssize_t length = readlink("/proc/self/exe", found, sizeof found - 1);
    if (length < 0) return 0;
    found[length] = 0;
    return strcmp(found, path) == 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("CALLS_DIRECTORY"), *program = getenv("CALLS_PROGRAM");
    char path[4096];
    struct stat status;
    if (!directory || !program || !is_program(program)) return;
    int opened = open(program, O_RDONLY | O_CLOEXEC);
    if (opened < 0 || fstat(opened, &status) != 0) return;
    file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, opened, 0);
    close(opened);
    if (file == MAP_FAILED) return;
    const Elf64_Shdr *symbols = find_sections(file);
    if (!symbols) return;
    // Begins anew: a supervisor was the command line before, in the same process.
    snprintf(path, sizeof path, "%s/%d", directory, (int)getpid());
    opened = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    // Out of the way of those that have a certain number.
    if (opened < 0 || (calls = fcntl(opened, F_DUPFD_CLOEXEC, OWN_DESCRIPTORS)) < 0) return;
    close(opened);
    dl_iterate_phdr(take_base, NULL);
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGTRAP, &action, NULL);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (base + text->sh_addr) & -page;
    if (mprotect((void *)first, base + text->sh_addr + text->sh_size - first, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return;
    const Elf64_Sym *symbol = (const void *)(file + symbols->sh_offset), *end = symbol + symbols->sh_size / sizeof *symbol;
    for (; symbol < end; symbol++)
        if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_size > 0 && is_text(symbol->st_value))
            *(unsigned char *)(base + symbol->st_value) = BREAKPOINT;
}
