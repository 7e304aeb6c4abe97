/* Answers that are judged by whoever reads the outcome: each distinct one of an exchange is kept once. */
#ifndef PACER_KEPT_H
#define PACER_KEPT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "answer.h"

/* The number of an answer among the kept ones, which it joins if it is new; of its head the first bytes count. */
uint32_t kept_number(uint32_t exchange, const struct answer *answer, size_t head_bytes);

size_t kept_count(void);

void kept_write(FILE *file, const char *path);

#endif
