/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_CLI_CAPTURED_H
#define CONJURE_TESTS_CLI_CAPTURED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a subcommand returned and wrote. */
struct captured {
    int code;
    char out[16384], err[4096];
};

static inline void captured_read(FILE *from, char *text, size_t size)
{
    size_t n;

    rewind(from);
    n = fread(text, 1, size - 1, from);
    text[n] = '\0';
    fclose(from);
}

/* Runs SUBCOMMAND with the words of LINE, which is split at spaces, in place of standard output and
 * error. */
static inline void capture(struct captured *c, int (*subcommand)(int, char **), const char *line)
{
    int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), argc = 0;
    char *words = strdup(line), *argv[32];
    FILE *out = tmpfile(), *err = tmpfile();

    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    fflush(stdout);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    c->code = subcommand(argc, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_err, STDERR_FILENO);
    close(saved_out);
    close(saved_err);
    captured_read(out, c->out, sizeof c->out);
    captured_read(err, c->err, sizeof c->err);
    free(words);
}

/* The current folder becomes an empty one, which captured_leave removes with the files in it. */
static inline void captured_enter(char folder[32])
{
    strcpy(folder, "/tmp/conjure-cli-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder))
        abort();
}

static inline void captured_leave(const char *folder)
{
    char command[64];

    snprintf(command, sizeof command, "rm -r %s", folder);
    if (chdir("/") || system(command))
        abort();
}

#endif
