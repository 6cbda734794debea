// Recurrent states (clauses D1, D2, D4 to D8): every item owns numbers of a state and goes through the rows of a span.
//
// What the batch says of each span lies in its words: first row, end, the slot that it begins with, the one that it ends in,
// and where the list of (rows, slot) begins after which it is kept, and how long that is.

#define NO_SLOT 0xffffffffu
#define SPAN_WORDS 6u

// Clause D2; the state is `[taps - 1][channels]`, the oldest input first.
KERNEL short_conv(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL float *state, GLOBAL const float *weights,
                  GLOBAL const float *bias, ulong x, ulong out, uint spans, uint channels, uint taps, uint has_bias, uint kind)
{
    uint channel = GLOBAL_ID(0);
    if (channel >= channels) {
        return;
    }
    GLOBAL const uint *span = batch + spans + GLOBAL_ID(1) * SPAN_WORDS;
    uint first = span[0], end = span[1], keep = span[4], kept = 0u, kept_count = span[5], past = taps - 1u;
    ulong size = (ulong)past * channels;
    GLOBAL float *own = state + span[3] * size + channel;
    for (uint i = 0u; i < past; i++) {
        own[i * channels] = span[2] == NO_SLOT ? 0.0f : state[span[2] * size + i * channels + channel];
    }
    for (uint row = first; row < end; row++) {
        float input = arena[x + (ulong)row * channels + channel], sum = 0.0f;
        for (uint tap = 0u; tap < taps; tap++) {
            sum = fma(weights[channel * taps + tap], tap < past ? own[tap * channels] : input, sum);
        }
        sum = has_bias != 0u ? sum + bias[channel] : sum;
        arena[out + (ulong)row * channels + channel] = function_of(kind, sum);
        for (uint i = 0u; i < past; i++) {
            own[i * channels] = i + 1u < past ? own[(i + 1u) * channels] : input;
        }
        if (kept < kept_count && batch[keep + 2u * kept] == row + 1u - first) {
            for (uint i = 0u; i < past; i++) {
                state[batch[keep + 2u * kept + 1u] * size + i * channels + channel] = own[i * channels];
            }
            kept++;
        }
    }
}

// Clauses D4 and D5; the state is `[value heads][key size][value size]`, of which an item owns a column.
KERNEL gated_delta(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL float *state, ulong queries, ulong keys, ulong values,
                   ulong decays, ulong betas, ulong out, uint spans, uint key_heads, uint heads, uint key_size, uint value_size,
                   uint is_tiled, uint has_beta, float factor)
{
    uint at = GLOBAL_ID(0);
    if (at >= heads * value_size) {
        return;
    }
    uint head = at / value_size, v = at % value_size;
    uint shared = is_tiled != 0u ? head % key_heads : head / (heads / key_heads);
    GLOBAL const uint *span = batch + spans + GLOBAL_ID(1) * SPAN_WORDS;
    uint first = span[0], end = span[1], keep = span[4], kept = 0u, kept_count = span[5];
    ulong size = (ulong)heads * key_size * value_size, column = (ulong)head * key_size * value_size + v;
    GLOBAL float *own = state + span[3] * size + column;
    for (uint k = 0u; k < key_size; k++) {
        own[k * value_size] = span[2] == NO_SLOT ? 0.0f : state[span[2] * size + column + k * value_size];
    }
    for (uint row = first; row < end; row++) {
        ulong query = queries + ((ulong)row * key_heads + shared) * key_size;
        ulong key = keys + ((ulong)row * key_heads + shared) * key_size;
        ulong number = (ulong)row * heads + head;
        float value = arena[values + number * value_size + v], kept_part = f1_exp(arena[decays + number]), known = 0.0f;
        for (uint k = 0u; k < key_size; k++) {
            float now = own[k * value_size] * kept_part;
            own[k * value_size] = now;
            known = fma(now, arena[key + k], known);
        }
        float correction = has_beta != 0u ? (value - known) * arena[betas + number] : value, sum = 0.0f;
        for (uint k = 0u; k < key_size; k++) {
            float now = fma(arena[key + k], correction, own[k * value_size]);
            own[k * value_size] = now;
            sum = fma(now, arena[query + k], sum);
        }
        arena[out + number * value_size + v] = factor * sum;
        if (kept < kept_count && batch[keep + 2u * kept] == row + 1u - first) {
            for (uint k = 0u; k < key_size; k++) {
                state[batch[keep + 2u * kept + 1u] * size + column + k * value_size] = own[k * value_size];
            }
            kept++;
        }
    }
}

// Clause D6; the state is `[numbers][channels]`, of which an item owns a channel; rates are `[channels][numbers]`.
KERNEL selective_scan(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL float *state, GLOBAL const float *rates, ulong x,
                      ulong steps, ulong keys, ulong queries, ulong out, uint spans, uint channels, uint numbers)
{
    uint channel = GLOBAL_ID(0);
    if (channel >= channels) {
        return;
    }
    GLOBAL const uint *span = batch + spans + GLOBAL_ID(1) * SPAN_WORDS;
    uint first = span[0], end = span[1], keep = span[4], kept = 0u, kept_count = span[5];
    ulong size = (ulong)numbers * channels;
    GLOBAL float *own = state + span[3] * size + channel;
    for (uint n = 0u; n < numbers; n++) {
        own[n * channels] = span[2] == NO_SLOT ? 0.0f : state[span[2] * size + n * channels + channel];
    }
    for (uint row = first; row < end; row++) {
        float input = arena[x + (ulong)row * channels + channel], step = arena[steps + (ulong)row * channels + channel];
        float sum = 0.0f;
        for (uint n = 0u; n < numbers; n++) {
            float now = own[n * channels] * f1_exp(step * rates[(ulong)channel * numbers + n]);
            now = fma(arena[keys + (ulong)row * numbers + n], input, now);
            own[n * channels] = now;
            sum = fma(now, arena[queries + (ulong)row * numbers + n], sum);
        }
        arena[out + (ulong)row * channels + channel] = sum;
        if (kept < kept_count && batch[keep + 2u * kept] == row + 1u - first) {
            for (uint n = 0u; n < numbers; n++) {
                state[batch[keep + 2u * kept + 1u] * size + n * channels + channel] = own[n * channels];
            }
            kept++;
        }
    }
}

// Clause D7; the state is the last row.
KERNEL token_shift(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL float *state, ulong x, ulong out, uint spans, uint width)
{
    uint at = GLOBAL_ID(0);
    if (at >= width) {
        return;
    }
    GLOBAL const uint *span = batch + spans + GLOBAL_ID(1) * SPAN_WORDS;
    uint first = span[0], end = span[1], keep = span[4], kept = 0u, kept_count = span[5];
    float last = span[2] == NO_SLOT ? 0.0f : state[(ulong)span[2] * width + at];
    for (uint row = first; row < end; row++) {
        float input = arena[x + (ulong)row * width + at];
        arena[out + (ulong)row * width + at] = last - input;
        last = input;
        if (kept < kept_count && batch[keep + 2u * kept] == row + 1u - first) {
            state[(ulong)batch[keep + 2u * kept + 1u] * width + at] = last;
            kept++;
        }
    }
    state[(ulong)span[3] * width + at] = last;
}

// Clause D8; the state is `[heads][size][size]`, of which an item owns a column.
KERNEL wkv7(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL float *state, ulong queries, ulong decays, ulong keys,
            ulong values, ulong removals, ulong rates, ulong out, uint spans, uint heads, uint size)
{
    uint at = GLOBAL_ID(0), width = heads * size;
    if (at >= width) {
        return;
    }
    GLOBAL const uint *span = batch + spans + GLOBAL_ID(1) * SPAN_WORDS;
    uint first = span[0], end = span[1], keep = span[4], kept = 0u, kept_count = span[5], head = at / size;
    ulong all = (ulong)width * size, column = (ulong)head * size * size + at % size;
    GLOBAL float *own = state + span[3] * all + column;
    for (uint k = 0u; k < size; k++) {
        own[k * size] = span[2] == NO_SLOT ? 0.0f : state[span[2] * all + column + k * size];
    }
    for (uint row = first; row < end; row++) {
        ulong place = (ulong)row * width + head * size;
        float value = arena[values + (ulong)row * width + at], known = 0.0f, sum = 0.0f;
        for (uint k = 0u; k < size; k++) {
            known = fma(own[k * size], arena[removals + place + k], known);
        }
        for (uint k = 0u; k < size; k++) {
            float now = own[k * size] * f1_exp(arena[decays + place + k]);
            now = fma(arena[removals + place + k] * arena[rates + place + k], -known, now);
            now = fma(arena[keys + place + k], value, now);
            own[k * size] = now;
            sum = fma(now, arena[queries + place + k], sum);
        }
        arena[out + (ulong)row * width + at] = sum;
        if (kept < kept_count && batch[keep + 2u * kept] == row + 1u - first) {
            for (uint k = 0u; k < size; k++) {
                state[batch[keep + 2u * kept + 1u] * all + column + k * size] = own[k * size];
            }
            kept++;
        }
    }
}
