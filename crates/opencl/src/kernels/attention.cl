// Attention (clauses A1 to A8): scores, their maximum, weights, their sum, and the values' sums, one kernel each.
//
// A page holds 64 positions of all heads: keys `[head][element][position]`, values `[head][position][element]`, and in q8 the
// scales after all codes, alike for each block of 32 elements. What the batch says of each row lies in its words: position,
// where the page table of its sequence begins, and for whole texts the last position.

#define PAGE 64u
#define SEGMENT 512u
#define BLOCK 32u

// What a query sees: positions `first` to `last` of the pages from word `table` on.
typedef struct {
    uint first;
    uint last;
    uint table;
} Seen;

// Clauses A2 and A7. No window is the largest one; whole texts bring the places of their last positions.
FUNCTION Seen seen_by(GLOBAL const uint *batch, uint rows, uint positions, uint tables, uint lasts, uint is_whole, uint window,
                      uint query)
{
    Seen seen;
    uint row = batch[rows + query], position = batch[positions + row], ahead = is_whole != 0u ? position : position + 1u;
    seen.first = ahead > window ? ahead - window : 0u;
    seen.last = position;
    if (is_whole != 0u) {
        uint end = batch[lasts + row];
        seen.last = window < end - position ? position + window : end;
    }
    seen.table = batch[tables + row];
    return seen;
}

FUNCTION ulong page_of(GLOBAL const uint *batch, uint table, uint position, uint page_bytes)
{
    return (ulong)batch[table + position / PAGE] * page_bytes;
}

// Keys or values of all rows as binary16. `by_element` is the layout of keys.
KERNEL store_f16(GLOBAL const float *arena, GLOBAL const uint *batch, GLOBAL uchar *cache, ulong x, uint count, uint positions,
                 uint tables, uint heads, uint size, uint page_bytes, uint by_element)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint row = at / (heads * size), head = at / size % heads, i = at % size;
    uint position = batch[positions + row], slot = position % PAGE;
    GLOBAL ushort *page = (GLOBAL ushort *)(cache + page_of(batch, batch[tables + row], position, page_bytes));
    page[by_element != 0u ? (head * size + i) * PAGE + slot : (head * PAGE + slot) * size + i] = narrow(arena[x + at]);
}

// Alike in q8, from what `quantize` made of each head's blocks.
KERNEL store_q8(GLOBAL const uint *batch, GLOBAL uchar *cache, GLOBAL const schar *codes, GLOBAL const float *scales, uint count,
                uint positions, uint tables, uint heads, uint blocks, uint page_bytes, uint by_element)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint row = at / (heads * blocks), head = at / blocks % heads, block = at % blocks, size = blocks * BLOCK;
    uint position = batch[positions + row], slot = position % PAGE;
    GLOBAL uchar *page = cache + page_of(batch, batch[tables + row], position, page_bytes);
    for (uint i = 0u; i < BLOCK; i++) {
        uint element = block * BLOCK + i;
        uint place = by_element != 0u ? (head * size + element) * PAGE + slot : (head * PAGE + slot) * size + element;
        ((GLOBAL schar *)page)[place] = codes[(ulong)at * BLOCK + i];
    }
    ((GLOBAL ushort *)(page + heads * PAGE * size))[(head * blocks + block) * PAGE + slot] = narrow(scales[at]);
}

// Clauses A8 and A5.
FUNCTION float bounded(float score, uint distance, float slope, uint has_cap, float cap)
{
    score = slope > 0.0f ? fma(-slope, (float)distance, score) : score;
    return has_cap != 0u ? cap * f5_tanh(score / cap) : score;
}

FUNCTION uint distance_of(GLOBAL const uint *batch, uint rows, uint positions, uint query, uint position)
{
    uint own = batch[positions + batch[rows + query]];
    return own > position ? own - position : position - own;
}

// Clause A3 in f16.
KERNEL scores_f16(GLOBAL const float *arena, GLOBAL const uint *batch, GLOBAL const uchar *keys, GLOBAL float *scores,
                  GLOBAL const float *slopes, ulong queries, uint query_first, uint rows, uint positions, uint tables, uint lasts, uint is_whole, uint window,
                  uint length, uint heads, uint group, uint key_heads, uint size, uint page_bytes, float factor, uint has_slopes, uint has_cap, float cap)
{
    uint t = GLOBAL_ID(0), head = GLOBAL_ID(1), query = GLOBAL_ID(2);
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + query);
    uint position = seen.first + t;
    if (position > seen.last) {
        return;
    }
    GLOBAL const ushort *page = (GLOBAL const ushort *)(keys + page_of(batch, seen.table, position, page_bytes));
    GLOBAL const ushort *key = page + head / group * size * PAGE + position % PAGE;
    ulong from = queries + ((ulong)(query_first + query) * heads + head) * size;
    float sum = 0.0f;
    for (uint i = 0u; i < size; i++) {
        sum = fma(arena[from + i], wide(key[i * PAGE]), sum);
    }
    uint distance = distance_of(batch, rows, positions, query_first + query, position);
    float slope = has_slopes != 0u ? slopes[head] : 0.0f;
    scores[((ulong)query * heads + head) * length + t] = bounded(factor * sum, distance, slope, has_cap, cap);
}

// Alike in q8: queries are codes and scales for each head's blocks.
KERNEL scores_q8(GLOBAL const schar *codes, GLOBAL const float *scales, GLOBAL const uint *batch, GLOBAL const uchar *keys,
                 GLOBAL float *scores, GLOBAL const float *slopes, uint query_first, uint rows, uint positions, uint tables, uint lasts, uint is_whole,
                 uint window, uint length, uint heads, uint group, uint key_heads, uint blocks, uint page_bytes, float factor,
                 uint has_slopes, uint has_cap, float cap)
{
    uint t = GLOBAL_ID(0), head = GLOBAL_ID(1), query = GLOBAL_ID(2);
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + query);
    uint position = seen.first + t;
    if (position > seen.last) {
        return;
    }
    GLOBAL const uchar *page = keys + page_of(batch, seen.table, position, page_bytes);
    uint key_head = head / group, slot = position % PAGE, size = blocks * BLOCK;
    GLOBAL const schar *key = (GLOBAL const schar *)page + key_head * size * PAGE + slot;
    GLOBAL const ushort *key_scales = (GLOBAL const ushort *)(page + key_heads * PAGE * size) + key_head * blocks * PAGE + slot;
    ulong own = ((ulong)(query_first + query) * heads + head) * blocks;
    float acc = 0.0f;
    for (uint block = 0u; block < blocks; block++) {
        int sum = 0;
        for (uint i = 0u; i < BLOCK; i++) {
            sum += (int)codes[(own + block) * BLOCK + i] * (int)key[(block * BLOCK + i) * PAGE];
        }
        acc = fma((float)sum, scales[own + block] * wide(key_scales[block * PAGE]), acc);
    }
    uint distance = distance_of(batch, rows, positions, query_first + query, position);
    float slope = has_slopes != 0u ? slopes[head] : 0.0f;
    scores[((ulong)query * heads + head) * length + t] = bounded(factor * acc, distance, slope, has_cap, cap);
}

// The maximum of each query's scores and its sink.
KERNEL largest_score(GLOBAL const uint *batch, GLOBAL const float *scores, GLOBAL float *largest, GLOBAL const float *sinks,
                     uint has_sinks, uint query_first, uint rows, uint positions, uint tables, uint lasts, uint is_whole,
                     uint window, uint length, uint heads, uint count)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint head = at % heads;
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + at / heads);
    GLOBAL const float *own = scores + (ulong)at * length;
    // A NaN never becomes the maximum; it reaches the sums and so the result.
    float found = -FLOAT_OF(INFINITE);
    for (uint t = 0u; t <= seen.last - seen.first; t++) {
        found = own[t] > found ? own[t] : found;
    }
    if (has_sinks != 0u) {
        found = sinks[head] > found ? sinks[head] : found;
    }
    largest[at] = found;
}

// Scores become weights, in place.
KERNEL weights_of(GLOBAL const uint *batch, GLOBAL float *scores, GLOBAL const float *largest, uint query_first, uint rows,
                  uint positions, uint tables, uint lasts, uint is_whole, uint window, uint length, uint heads)
{
    uint t = GLOBAL_ID(0), head = GLOBAL_ID(1), query = GLOBAL_ID(2);
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + query);
    if (t > seen.last - seen.first) {
        return;
    }
    ulong at = (ulong)query * heads + head;
    scores[at * length + t] = f1_exp(scores[at * length + t] - largest[at]);
}

// One over the weights' sum, in segments of 512 positions and sixteen stripes, which takes the maximum's place.
KERNEL total_weight(GLOBAL const uint *batch, GLOBAL const float *scores, GLOBAL float *largest, GLOBAL const float *sinks,
                    uint has_sinks, uint query_first, uint rows, uint positions, uint tables, uint lasts, uint is_whole,
                    uint window, uint length, uint heads, uint count)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint head = at % heads;
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + at / heads);
    GLOBAL const float *own = scores + (ulong)at * length;
    float total = 0.0f;
    for (uint segment = seen.first / SEGMENT; segment <= seen.last / SEGMENT; segment++) {
        uint begin = segment * SEGMENT, end = begin + SEGMENT - 1u;
        uint from = seen.first > begin ? seen.first : begin, to = seen.last < end ? seen.last : end;
        float stripes[16];
        for (uint j = 0u; j < 16u; j++) {
            stripes[j] = 0.0f;
        }
        for (uint t = from; t <= to; t++) {
            stripes[t % 16u] += own[t - seen.first];
        }
        total = total + halves(stripes);
    }
    if (has_sinks != 0u) {
        total = total + f1_exp(sinks[head] - largest[at]);
    }
    largest[at] = 1.0f / total;
}

// Clause A4 for one element of each query's result. `by_element`: values are the first numbers of keys.
KERNEL values_sum(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL const uchar *values, GLOBAL const float *scores,
                  GLOBAL const float *factors, ulong out, uint query_first, uint rows, uint positions, uint tables, uint lasts,
                  uint is_whole, uint window, uint length, uint heads, uint group, uint key_heads, uint size, uint stored,
                  uint page_bytes, uint by_element, uint is_q8)
{
    uint i = GLOBAL_ID(0), head = GLOBAL_ID(1), query = GLOBAL_ID(2);
    if (i >= size) {
        return;
    }
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + query);
    ulong at = (ulong)query * heads + head;
    GLOBAL const float *own = scores + at * length;
    uint key_head = head / group, step = by_element != 0u ? 1u : stored, blocks = stored / BLOCK;
    uint place = by_element != 0u ? (key_head * stored + i) * PAGE : key_head * PAGE * stored + i;
    uint scale_place = (key_head * blocks + i / BLOCK) * PAGE;
    float result = 0.0f;
    for (uint segment = seen.first / SEGMENT; segment <= seen.last / SEGMENT; segment++) {
        uint begin = segment * SEGMENT, end = begin + SEGMENT - 1u;
        uint from = seen.first > begin ? seen.first : begin, to = seen.last < end ? seen.last : end;
        float sum = 0.0f;
        for (uint t = from; t <= to; t++) {
            float weight = own[t - seen.first];
            GLOBAL const uchar *page = values + page_of(batch, seen.table, t, page_bytes);
            uint slot = t % PAGE;
            if (is_q8 != 0u) {
                float d = wide(((GLOBAL const ushort *)(page + key_heads * PAGE * stored))[scale_place + slot]);
                sum = fma(weight * d, (float)((GLOBAL const schar *)page)[place + slot * step], sum);
            } else {
                sum = fma(weight, wide(((GLOBAL const ushort *)page)[place + slot * step]), sum);
            }
        }
        result = result + sum;
    }
    arena[out + ((ulong)(query_first + query) * heads + head) * size + i] = result * factors[at];
}

// A value of each row and head in i8: one scale for all of its elements, of which the source has more (clause A1).
KERNEL store_i8(GLOBAL const float *arena, GLOBAL const uint *batch, GLOBAL uchar *cache, ulong x, uint count, uint positions,
                uint tables, uint heads, uint size, uint source, uint page_bytes)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint row = at / heads, head = at % heads, position = batch[positions + row], slot = position % PAGE;
    GLOBAL uchar *page = cache + page_of(batch, batch[tables + row], position, page_bytes);
    GLOBAL schar *out = (GLOBAL schar *)page + (head * PAGE + slot) * size;
    ulong begin = x + (ulong)at * source;
    uint largest = 0u;
    for (uint i = 0u; i < size; i++) {
        uint magnitude = BITS_OF(arena[begin + i]) & 0x7fffffffu;
        largest = magnitude > largest ? magnitude : largest;
    }
    float inverse = q1_inverse(largest), scale = q1_scale(largest);
    for (uint i = 0u; i < size; i++) {
        out[i] = (schar)(inverse != 0.0f ? (int)rint(arena[begin + i] * inverse) : 0);
    }
    ((GLOBAL ushort *)(page + heads * PAGE * size))[head * PAGE + slot] = narrow(scale);
}

// Clause A4 in i8 for one element of each query's result: weights times scales become integers, 32 positions at a time.
KERNEL values_sum_i8(GLOBAL float *arena, GLOBAL const uint *batch, GLOBAL const uchar *values, GLOBAL const float *scores,
                     GLOBAL const float *factors, ulong out, uint query_first, uint rows, uint positions, uint tables, uint lasts,
                     uint is_whole, uint window, uint length, uint heads, uint group, uint key_heads, uint size, uint page_bytes)
{
    uint i = GLOBAL_ID(0), head = GLOBAL_ID(1), query = GLOBAL_ID(2);
    if (i >= size) {
        return;
    }
    Seen seen = seen_by(batch, rows, positions, tables, lasts, is_whole, window, query_first + query);
    ulong at = (ulong)query * heads + head;
    GLOBAL const float *own = scores + at * length;
    uint key_head = head / group;
    float result = 0.0f, sum = 0.0f;
    for (uint block = seen.first / BLOCK; block <= seen.last / BLOCK; block++) {
        uint begin = block * BLOCK, end = begin + BLOCK - 1u;
        uint from = seen.first > begin ? seen.first : begin, to = seen.last < end ? seen.last : end;
        GLOBAL const uchar *page = values + page_of(batch, seen.table, begin, page_bytes);
        GLOBAL const ushort *scales = (GLOBAL const ushort *)(page + key_heads * PAGE * size) + key_head * PAGE;
        GLOBAL const schar *codes = (GLOBAL const schar *)page + key_head * PAGE * size + i;
        float folded[BLOCK];
        uint largest = 0u;
        for (uint t = from; t <= to; t++) {
            float weight = own[t - seen.first];
            folded[t - begin] = weight == 0.0f ? 0.0f : weight * wide(scales[t % PAGE]);
            uint magnitude = BITS_OF(folded[t - begin]) & 0x7fffffffu;
            largest = magnitude > largest ? magnitude : largest;
        }
        float inverse = q1_inverse(largest), scale = q1_scale(largest);
        int whole = 0;
        for (uint t = from; t <= to; t++) {
            int q = inverse != 0.0f ? (int)rint(folded[t - begin] * inverse) : 0;
            whole += q * (int)codes[(t % PAGE) * size];
        }
        sum = fma((float)whole, scale, sum);
        if (block % (SEGMENT / BLOCK) == SEGMENT / BLOCK - 1u || block == seen.last / BLOCK) {
            result = result + sum;
            sum = 0.0f;
        }
    }
    arena[out + ((ulong)(query_first + query) * heads + head) * size + i] = result * factors[at];
}
