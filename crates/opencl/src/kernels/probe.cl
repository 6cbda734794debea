// What the arithmetic of a device must do (clauses B1 and B2), each asked by itself so that what is wrong has a name.

KERNEL probe(GLOBAL const float *given, GLOBAL float *found, uint count)
{
    uint i = GLOBAL_ID(0);
    if (i >= count) {
        return;
    }
    float a = given[3u * i], b = given[3u * i + 1u], c = given[3u * i + 2u];
    found[6u * i] = fma(a, b, c);
    found[6u * i + 1u] = a * b + c;
    found[6u * i + 2u] = a / b;
    found[6u * i + 3u] = sqrt(a);
    found[6u * i + 4u] = a + b;
    found[6u * i + 5u] = rint(a);
}

// Rate of reading: each item adds words that lie `stride` apart.
KERNEL read_words(GLOBAL const uint *words, GLOBAL uint *sums, uint count, uint stride)
{
    uint at = GLOBAL_ID(0), sum = 0u;
    for (uint i = at; i < count; i += stride) {
        sum += words[i];
    }
    sums[at] = sum;
}

// Rate of products of bytes: `rounds` times eight sums of four.
KERNEL dot_bytes(GLOBAL uint *sums, uint rounds)
{
    uint at = GLOBAL_ID(0), word = at * 2654435761u + 1u;
    int sum[8];
    for (uint j = 0u; j < 8u; j++) {
        sum[j] = 0;
    }
    for (uint i = 0u; i < rounds; i++) {
        word = word * 1664525u + 1013904223u;
        for (uint j = 0u; j < 8u; j++) {
            uint other = word ^ j * 0x01010101u;
            sum[j] += (int)(word & 255u) * (int)(schar)(other & 255u) + (int)(word >> 8 & 255u) * (int)(schar)(other >> 8 & 255u)
                + (int)(word >> 16 & 255u) * (int)(schar)(other >> 16 & 255u) + (int)(word >> 24) * (int)(schar)(other >> 24);
        }
    }
    uint total = 0u;
    for (uint j = 0u; j < 8u; j++) {
        total += (uint)sum[j];
    }
    sums[at] = total;
}

// Rate of fused multiply-adds: `rounds` times four of them for each of eight sums.
KERNEL fma_floats(GLOBAL float *sums, uint rounds)
{
    uint at = GLOBAL_ID(0);
    float factor = 0.5f + (float)(at & 1023u) / 4096.0f;
    float sum[8];
    for (uint j = 0u; j < 8u; j++) {
        sum[j] = (float)j;
    }
    for (uint i = 0u; i < rounds; i++) {
        for (uint k = 0u; k < 4u; k++) {
            for (uint j = 0u; j < 8u; j++) {
                sum[j] = fma(sum[j], factor, 1.0f);
            }
        }
    }
    float total = 0.0f;
    for (uint j = 0u; j < 8u; j++) {
        total += sum[j];
    }
    sums[at] = total;
}
