// Recurrent states (clauses D1, D2, D4, D5): every item owns numbers of a state and goes through the rows of a span.
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
