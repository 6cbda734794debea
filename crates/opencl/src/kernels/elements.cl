// Operations on elements. Values lie in one arena, each from the element on that its number says.

KERNEL add(GLOBAL float *arena, ulong a, ulong b, ulong out, uint count)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = arena[a + i] + arena[b + i];
    }
}

KERNEL gate(GLOBAL float *arena, ulong gated, ulong up, ulong out, uint count, uint kind)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = gate_of(kind, arena[gated + i], arena[up + i]);
    }
}

KERNEL activate(GLOBAL float *arena, ulong x, ulong out, uint count, uint kind)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = function_of(kind, arena[x + i]);
    }
}

// Clause F7.
KERNEL soft_cap(GLOBAL float *arena, ulong x, ulong out, uint count, float cap)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = cap * f5_tanh(arena[x + i] / cap);
    }
}

// Clause F8 with one factor.
KERNEL scale_by(GLOBAL float *arena, ulong x, ulong out, uint count, float factor)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = arena[x + i] * factor;
    }
}

// Clause F8: each factor belongs to `part` elements; from row to row the factors go on by `stride`.
KERNEL scale(GLOBAL float *arena, GLOBAL const float *factors, ulong from, ulong x, ulong out, uint count, uint width,
             uint part, uint stride)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        uint row = i / width, element = i % width;
        arena[out + i] = arena[x + i] * factors[from + (ulong)row * stride + element / part];
    }
}

// Clause D3.
KERNEL decay(GLOBAL float *arena, GLOBAL const float *rate, GLOBAL const float *bias, ulong x, ulong out, uint count,
             uint width, uint part)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        uint element = i % width;
        arena[out + i] = rate[element / part] * f9_softplus(arena[x + i] + bias[element]);
    }
}

// Clause C1.
KERNEL slice(GLOBAL float *arena, ulong x, ulong out, uint count, uint head, uint first, uint size)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = arena[x + (ulong)(i / size) * head + first + i % size];
    }
}

// One part of a join (clause C2): `size` elements of every head of `total`, from `first` on.
KERNEL join(GLOBAL float *arena, ulong part, ulong out, uint count, uint size, uint total, uint first)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + (ulong)(i / size) * total + first + i % size] = arena[part + i];
    }
}

// Rows of `width` elements, those whose numbers the batch lists from `rows` on.
KERNEL select_rows(GLOBAL float *arena, GLOBAL const uint *batch, uint rows, ulong x, ulong out, uint count, uint width)
{
    uint i = GLOBAL_ID(0);
    if (i < count) {
        arena[out + i] = arena[x + (ulong)batch[rows + i / width] * width + i % width];
    }
}

// Clause P2. Each element finds its pair; those outside the rotated part stay.
KERNEL rotate_heads(GLOBAL float *arena, ulong x, ulong angles, ulong out, uint count, uint width, uint head, uint first,
                    uint pairs, uint interleaved)
{
    uint i = GLOBAL_ID(0);
    if (i >= count) {
        return;
    }
    uint element = i % width % head, begin = i - element;
    uint rotated = element - first, pair, a, b;
    if (element < first || rotated >= 2u * pairs) {
        arena[out + i] = arena[x + i];
        return;
    }
    if (interleaved != 0u) {
        pair = rotated / 2u;
        a = first + 2u * pair;
        b = a + 1u;
    } else {
        pair = rotated % pairs;
        a = first + pair;
        b = a + pairs;
    }
    ulong table = angles + (ulong)(i / width) * 2u * pairs;
    float cosine = arena[table + pair], sine = arena[table + pairs + pair];
    float p = arena[x + begin + a], q = arena[x + begin + b];
    arena[out + i] = element == a ? fma(p, cosine, -(q * sine)) : fma(p, sine, q * cosine);
}
