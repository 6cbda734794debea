// Choice of experts (clauses E1, E2, E4, E5, E7) and the sum of their results (E3).

#define SOFTMAX 0u
#define SIGMOID_SCORES 1u
#define SOFTMAX_OF_CHOSEN 2u
#define SPARSE_MIXER 3u

// How far scores may be from the one that is found (clause E7).
#define SPARSE_MIXER_DISTANCE 0.02f

// Marks of numbers that may be chosen, were chosen, and may not.
#define FREE 0.0f
#define TAKEN 1.0f
#define BARRED 2.0f

// The greatest of `count` numbers that are free: in ascending order the first, unless a later one is greater (clause E1).
FUNCTION uint greatest(GLOBAL const float *numbers, GLOBAL const float *marks, uint count)
{
    uint best = count;
    for (uint i = 0u; i < count; i++) {
        if (marks[i] == FREE && (best == count || numbers[i] > numbers[best])) {
            best = i;
        }
    }
    return best;
}

// What an expert weighs among those that are free and near it (clause E7).
FUNCTION float near_weight(GLOBAL const float *l, GLOBAL const float *marks, uint count, float own)
{
    float sum = 0.0f;
    for (uint i = 0u; i < count; i++) {
        float unit = own > fabs(l[i]) ? own : fabs(l[i]);
        if (marks[i] == FREE && !((own - l[i]) / unit > SPARSE_MIXER_DISTANCE)) {
            sum = sum + f1_exp(l[i] - own);
        }
    }
    return 1.0f / sum;
}

// Bars the experts of all groups but those with the greatest sums of their `best` greatest candidates (clause E5).
FUNCTION void bar_groups(GLOBAL const float *candidates, GLOBAL float *marks, GLOBAL float *group_scores,
                         GLOBAL float *group_marks, uint experts, uint groups, uint used, uint best)
{
    uint size = experts / groups;
    for (uint group = 0u; group < groups; group++) {
        float sum = 0.0f;
        for (uint i = 0u; i < best; i++) {
            uint found = greatest(candidates + group * size, marks + group * size, size);
            if (found < size) {
                sum = sum + candidates[group * size + found];
                marks[group * size + found] = TAKEN;
            }
        }
        group_scores[group] = sum;
        group_marks[group] = FREE;
    }
    for (uint i = 0u; i < used; i++) {
        uint found = greatest(group_scores, group_marks, groups);
        if (found < groups) {
            group_marks[found] = TAKEN;
        }
    }
    for (uint expert = 0u; expert < experts; expert++) {
        marks[expert] = group_marks[expert / size] == TAKEN ? FREE : BARRED;
    }
}

// One row's choice. `work` holds, for each row, weights, candidates and marks of all experts, then scores and marks of groups.
KERNEL route(GLOBAL float *arena, GLOBAL const float *bias, GLOBAL const float *factors, ulong scores, ulong work, ulong out,
             uint rows, uint experts, uint used, uint scoring, uint has_bias, uint has_factors, uint groups, uint groups_used,
             uint groups_best, uint is_normalised, float least, float factor)
{
    uint row = GLOBAL_ID(0);
    if (row >= rows) {
        return;
    }
    GLOBAL const float *l = arena + scores + (ulong)row * experts;
    GLOBAL float *weights = arena + work + (ulong)row * (3u * experts + 2u * groups);
    GLOBAL float *candidates = weights + experts, *marks = candidates + experts, *group_scores = marks + experts;
    float largest = -FLOAT_OF(INFINITE), divisor = 1.0f;
    if (scoring == SOFTMAX) {
        for (uint i = 0u; i < experts; i++) {
            largest = l[i] > largest ? l[i] : largest;
        }
        float stripes[16];
        for (uint j = 0u; j < 16u; j++) {
            stripes[j] = 0.0f;
        }
        for (uint i = 0u; i < experts; i++) {
            weights[i] = f1_exp(l[i] - largest);
            stripes[i % 16u] += weights[i];
        }
        divisor = 1.0f / halves(stripes);
    }
    for (uint i = 0u; i < experts; i++) {
        weights[i] = scoring == SOFTMAX ? weights[i] * divisor : scoring == SIGMOID_SCORES ? f2_sigmoid(l[i]) : l[i];
        candidates[i] = has_bias == 0u && groups == 0u ? l[i] : weights[i];
        candidates[i] = has_bias != 0u ? candidates[i] + bias[i] : candidates[i];
        marks[i] = FREE;
    }
    if (groups != 0u) {
        bar_groups(candidates, marks, group_scores, group_scores + groups, experts, groups, groups_used, groups_best);
    }
    for (uint i = 0u; i < used; i++) {
        uint found = greatest(candidates, marks, experts);
        if (found < experts) {
            weights[found] = scoring == SPARSE_MIXER ? near_weight(l, marks, experts, l[found]) : weights[found];
            marks[found] = TAKEN;
        }
    }
    if (scoring == SOFTMAX_OF_CHOSEN) {
        float sum = 0.0f;
        for (uint i = 0u; i < experts; i++) {
            largest = marks[i] == TAKEN && l[i] > largest ? l[i] : largest;
        }
        for (uint i = 0u; i < experts; i++) {
            if (marks[i] == TAKEN) {
                weights[i] = f1_exp(weights[i] - largest);
                sum = sum + weights[i];
            }
        }
        for (uint i = 0u; i < experts; i++) {
            weights[i] = marks[i] == TAKEN ? weights[i] / sum : weights[i];
        }
    }
    float sum = 0.0f;
    for (uint i = 0u; i < experts; i++) {
        sum = marks[i] == TAKEN ? sum + weights[i] : sum;
    }
    ulong to = out + 2u * (ulong)row * used;
    for (uint i = 0u; i < experts; i++) {
        if (marks[i] == TAKEN) {
            float weight = weights[i];
            // A NaN passes on, so that it is seen in the logits.
            weight = is_normalised != 0u ? weight / (sum < least ? least : sum) : weight;
            weight = weight * factor;
            arena[to] = (float)i;
            arena[to + 1u] = has_factors != 0u ? weight * factors[i] : weight;
            to += 2u;
        }
    }
}

// Clause E3: the results of each row's chosen experts lie one after the other, in ascending order.
KERNEL mix_experts(GLOBAL float *arena, ulong choices, ulong results, ulong out, uint count, uint width, uint used)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint row = at / width, i = at % width;
    float sum = 0.0f;
    for (uint j = 0u; j < used; j++) {
        ulong choice = (ulong)row * used + j;
        sum = fma(arena[choices + 2u * choice + 1u], arena[results + choice * width + i], sum);
    }
    arena[out + at] = sum;
}
