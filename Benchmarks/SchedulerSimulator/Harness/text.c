/* SPDX-License-Identifier: GPL-2.0-only */
/* Text: Xen's console, its printf extensions, number and boolean parsing, and parameters by name. */
#undef snprintf
#include <stdio.h>
#include <stdlib.h>
#include "harness.h"
#include "api.h"

extern struct sim_state harness_state;
extern const struct harness_param harness_params_start[], harness_params_end[];

/* Walks the format piece by piece, so that %pv (a vCPU) and %*pb[l] (a bitmap) can be printed too. */
static int print_to(char *out, size_t size, const char *format, va_list args)
{
    size_t used = 0;

#define PUT(...) do { \
    int n_ = (snprintf)(used < size ? out + used : NULL, used < size ? size - used : 0, __VA_ARGS__); \
    used += n_ > 0 ? n_ : 0; } while ( 0 )
    while ( *format )
    {
        char piece[32];
        size_t length = 0;
        int longs = 0;
        bool star = false;
        int width = 0;

        if ( *format != '%' )
        {
            PUT("%c", *format++);
            continue;
        }
        piece[length++] = *format++;
        while ( *format && strchr("-+ #0123456789.*lhz", *format) && length < sizeof(piece) - 2 )
        {
            if ( *format == '*' )
            {
                star = true;
                width = va_arg(args, int);
                length += (snprintf)(piece + length, sizeof(piece) - length - 1, "%d", width);
                format++;
                continue;
            }
            longs += *format == 'l' || *format == 'z';
            piece[length++] = *format++;
        }
        piece[length++] = *format;
        piece[length] = 0;
        switch ( *format++ )
        {
        case '%': PUT("%%"); break;
        case 'd': case 'i': case 'c':
            if ( longs ) PUT(piece, va_arg(args, long)); else PUT(piece, va_arg(args, int));
            break;
        case 'u': case 'x': case 'X': case 'o':
            if ( longs ) PUT(piece, va_arg(args, unsigned long)); else PUT(piece, va_arg(args, unsigned int));
            break;
        case 's': PUT(piece, va_arg(args, const char *)); break;
        case 'p':
        {
            const void *p = va_arg(args, const void *);

            if ( *format == 'v' )
            {
                const struct vcpu *v = p;

                format++;
                if ( v ) PUT("d%dv%d", v->domain->domain_id, v->vcpu_id); else PUT("d?v?");
            }
            else if ( *format == 'd' )
            {
                const struct domain *d = p;

                format++;
                if ( d ) PUT("d%d", d->domain_id); else PUT("d?");
            }
            else if ( *format == 'b' && star )
            {
                format += format[1] == 'l' ? 2 : 1;
                PUT("%lx", *(const unsigned long *)p);
            }
            else
                PUT("%p", p);
            break;
        }
        default: PUT("?"); break;
        }
    }
    if ( size )
        out[used < size ? used : size - 1] = 0;
    return used;
}

void harness_printk(const char *format, ...)
{
    va_list args;
    char line[512];
    int length;

    va_start(args, format);
    length = print_to(line, sizeof(line), format, args);
    va_end(args);
    if ( length > (int)sizeof(line) - 1 )
        length = sizeof(line) - 1;
    /* The newest text is the one that matters. */
    if ( harness_state.log_length + length >= sizeof(harness_state.log) )
    {
        unsigned int half = sizeof(harness_state.log) / 2;

        if ( harness_state.log_length > half )
        {
            memmove(harness_state.log, harness_state.log + harness_state.log_length - half, half);
            harness_state.log_length = half;
        }
    }
    memcpy(harness_state.log + harness_state.log_length, line, length + 1);
    harness_state.log_length += length;
}

int harness_snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = print_to(buffer, size, format, args);
    va_end(args);
    return length;
}

unsigned long simple_strtoul(const char *s, const char **end, unsigned int base) { return strtoul(s, (char **)end, base); }
long simple_strtol(const char *s, const char **end, unsigned int base) { return strtol(s, (char **)end, base); }
unsigned long long simple_strtoull(const char *s, const char **end, unsigned int base) { return strtoull(s, (char **)end, base); }

static bool is_word(const char *s, const char *e, const char *word)
{
    size_t length = e ? (size_t)(e - s) : strlen(s);

    return length == strlen(word) && !strncmp(s, word, length);
}

int parse_bool(const char *s, const char *e)
{
    static const char *const no[] = { "no", "off", "false", "disable", "0" };
    static const char *const yes[] = { "yes", "on", "true", "enable", "1" };
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(no); i++ )
        if ( is_word(s, e, no[i]) )
            return 0;
    for ( i = 0; i < ARRAY_SIZE(yes); i++ )
        if ( is_word(s, e, yes[i]) )
            return 1;
    return -1;
}

int parse_boolean(const char *name, const char *s, const char *e)
{
    size_t length = strlen(name);
    bool value = strncmp(s, "no-", 3) != 0;

    if ( !value )
        s += 3;
    if ( strncmp(s, name, length) )
        return -1;
    if ( s + length == e || !s[length] )
        return value;
    return s[length] == '=' ? parse_bool(s + length + 1, e) : -2;
}

size_t strlcpy(char *d, const char *s, size_t n)
{
    size_t length = strlen(s);

    if ( n )
    {
        size_t count = length < n ? length : n - 1;

        memcpy(d, s, count);
        d[count] = 0;
    }
    return length;
}

size_t strlcat(char *d, const char *s, size_t n)
{
    size_t length = strlen(d);

    return length + strlcpy(d + length, s, n > length ? n - length : 0);
}

static const struct harness_param *find(const char *name, bool runtime)
{
    const struct harness_param *p;

    for ( p = harness_params_start; p < harness_params_end; p++ )
        if ( p->runtime == runtime && !strcmp(p->name, name) )
            return p;
    return NULL;
}

extern bool harness_booted;

__attribute__((visibility("default"))) int sim_parameter_set(const char *name, const char *value)
{
    const struct harness_param *p = find(name, harness_booted);
    char *end;
    unsigned long number;

    if ( !p )
        return -ENOENT;
    switch ( p->kind )
    {
    case 0:
        number = strtoul(value, &end, 0);
        if ( end == value || *end )
            return -EINVAL;
        memcpy(p->variable, &number, p->size);
        return 0;
    case 1:
    {
        int truth = parse_bool(value, NULL);

        if ( truth < 0 )
            return -EINVAL;
        *(bool *)p->variable = truth;
        return 0;
    }
    case 2:
        return strlcpy(p->variable, value, p->size) < p->size ? 0 : -EINVAL;
    default:
        return p->parse(value);
    }
}

__attribute__((visibility("default"))) int sim_parameter_get(const char *name, char *value, uint32_t size)
{
    const struct harness_param *p = find(name, true);
    unsigned long number = 0;
    struct param_hypfs *leaf;

    if ( !p && !(p = find(name, false)) )
        return -ENOENT;
    switch ( p->kind )
    {
    case 0:
        memcpy(&number, p->variable, p->size);
        return harness_snprintf(value, size, "%lu", number);
    case 1:
        return harness_snprintf(value, size, "%d", *(bool *)p->variable);
    case 2:
        return harness_snprintf(value, size, "%s", (char *)p->variable);
    default:
        if ( !p->runtime )
            return -EOPNOTSUPP;
        leaf = p->variable;
        if ( !leaf->hypfs.u.content && p->leaf )
            p->leaf(leaf);
        return harness_snprintf(value, size, "%s", leaf->hypfs.u.content ? leaf->hypfs.u.content : "");
    }
}

__attribute__((visibility("default"))) int sim_parameters(char *text, uint32_t size)
{
    const struct harness_param *p;
    uint32_t used = 0;

    for ( p = harness_params_start; p < harness_params_end && used < size; p++ )
        used += harness_snprintf(text + used, size - used, "%s %s\n", p->runtime ? "r" : "b", p->name);
    return used;
}
