// Norms (clauses N1 to N5): a group for each part, whose first sixteen items take a stripe each.

#define STRIPES 16u

// The stripes' sum, when all items have written theirs.
FUNCTION float sum_of(LOCAL_POINTER const float *stripes)
{
    float own[STRIPES];
    for (uint j = 0u; j < STRIPES; j++) {
        own[j] = stripes[j];
    }
    return halves(own);
}

// The sum of a stripe's numbers.
FUNCTION float numbers_of(GLOBAL const float *row, uint item, uint size)
{
    float sum = 0.0f;
    for (uint i = item; i < size; i += STRIPES) {
        sum = sum + row[i];
    }
    return sum;
}

// The sum of the squares of a stripe's numbers, each less `mean`.
FUNCTION float squares_of(GLOBAL const float *row, uint item, uint size, float mean)
{
    float sum = 0.0f;
    for (uint i = item; i < size; i += STRIPES) {
        float centred = row[i] - mean;
        sum = fma(centred, centred, sum);
    }
    return sum;
}

// The root-mean-square norm; with `is_length` the Euclidean one, which takes the sum instead of the mean.
KERNEL rms_norm(GLOBAL float *arena, GLOBAL const float *gain, ulong x, ulong out, uint size, uint has_gain, uint is_length,
                float epsilon)
{
    LOCAL float stripes[STRIPES];
    uint item = LOCAL_ID(0);
    ulong part = (ulong)GROUP_ID(0) * size;
    if (item < STRIPES) {
        stripes[item] = squares_of(arena + x + part, item, size, 0.0f);
    }
    BARRIER();
    float sum = sum_of(stripes);
    float mean = is_length != 0u ? sum : sum / (float)size;
    float factor = 1.0f / sqrt(mean + epsilon);
    for (uint i = item; i < size; i += GROUP) {
        float number = arena[x + part + i] * factor;
        arena[out + part + i] = has_gain != 0u ? number * gain[i] : number;
    }
}

KERNEL layer_norm(GLOBAL float *arena, GLOBAL const float *gain, GLOBAL const float *bias, ulong x, ulong out, uint size,
                  uint has_gain, uint has_bias, float epsilon)
{
    LOCAL float sums[STRIPES];
    LOCAL float squares[STRIPES];
    uint item = LOCAL_ID(0);
    ulong part = (ulong)GROUP_ID(0) * size;
    if (item < STRIPES) {
        sums[item] = numbers_of(arena + x + part, item, size);
    }
    BARRIER();
    float mean = sum_of(sums) / (float)size;
    if (item < STRIPES) {
        squares[item] = squares_of(arena + x + part, item, size, mean);
    }
    BARRIER();
    float factor = 1.0f / sqrt(sum_of(squares) / (float)size + epsilon);
    for (uint i = item; i < size; i += GROUP) {
        float number = (arena[x + part + i] - mean) * factor;
        number = has_gain != 0u ? number * gain[i] : number;
        arena[out + part + i] = has_bias != 0u ? number + bias[i] : number;
    }
}

KERNEL match_magnitude(GLOBAL float *arena, ulong x, ulong like, ulong out, uint size, float least)
{
    LOCAL float own[STRIPES];
    LOCAL float target[STRIPES];
    uint item = LOCAL_ID(0);
    ulong part = (ulong)GROUP_ID(0) * size;
    if (item < STRIPES) {
        own[item] = squares_of(arena + x + part, item, size, 0.0f);
        target[item] = squares_of(arena + like + part, item, size, 0.0f);
    }
    BARRIER();
    float mean = sum_of(own) / (float)size;
    mean = mean < least ? least : mean;
    float factor = sqrt(sum_of(target) / (float)size) / sqrt(mean);
    for (uint i = item; i < size; i += GROUP) {
        arena[out + part + i] = arena[x + part + i] * factor;
    }
}

KERNEL gaussian_top_k(GLOBAL float *arena, ulong x, ulong out, uint size, float deviations)
{
    LOCAL float sums[STRIPES];
    LOCAL float squares[STRIPES];
    uint item = LOCAL_ID(0);
    ulong part = (ulong)GROUP_ID(0) * size;
    if (item < STRIPES) {
        sums[item] = numbers_of(arena + x + part, item, size);
    }
    BARRIER();
    float mean = sum_of(sums) / (float)size;
    if (item < STRIPES) {
        squares[item] = squares_of(arena + x + part, item, size, mean);
    }
    BARRIER();
    float cut = mean + deviations * sqrt(sum_of(squares) / (float)size);
    for (uint i = item; i < size; i += GROUP) {
        arena[out + part + i] = f11_relu(arena[x + part + i] - cut);
    }
}
