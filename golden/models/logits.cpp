// Prints what llama.cpp computes, for comparison: the logits of every position of a list of tokens.
//
//   logits MODEL KEY-TYPE FLASH CONTEXT OUTPUT ID...    KEY-TYPE: f32 or f16; FLASH: on or off; f32 values to OUTPUT; of an
//                                                       encoder, the vectors of every position
//   logits MODEL tokens TEXT-FILE                       the tokens of a text, one per line
//
// README.md beside this file says how to build it. It uses only llama.cpp's public interface (`llama.h`).

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "llama.h"

static int fail(const char * what) {
    std::fprintf(stderr, "logits: %s\n", what);
    return 1;
}

static int print_tokens(const llama_model * model, const char * path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::vector<llama_token> tokens(text.size() + 8);
    const llama_vocab * vocabulary = llama_model_get_vocab(model);
    const int count = llama_tokenize(vocabulary, text.data(), int(text.size()), tokens.data(), int(tokens.size()), true, false);
    if (count < 0) {
        return fail("the text has more tokens than bytes");
    }
    for (int i = 0; i < count; i++) {
        std::printf("%d\n", tokens[i]);
    }
    return 0;
}

static int write_logits(llama_model * model, char ** arguments, int count) {
    llama_context_params parameters = llama_context_default_params();
    parameters.type_k = parameters.type_v = std::strcmp(arguments[0], "f32") == 0 ? GGML_TYPE_F32 : GGML_TYPE_F16;
    const bool flash = std::strcmp(arguments[1], "on") == 0;
    parameters.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    parameters.n_ctx = std::atoi(arguments[2]);
    parameters.n_batch = parameters.n_ubatch = 512;
    parameters.n_threads = parameters.n_threads_batch = 2;
    char architecture[64];
    llama_model_meta_val_str(model, "general.architecture", architecture, sizeof architecture);
    const bool is_encoder = std::strstr(architecture, "bert") || std::strstr(architecture, "embedding");
    parameters.embeddings = is_encoder;
    parameters.pooling_type = LLAMA_POOLING_TYPE_NONE;
    llama_context * context = llama_init_from_model(model, parameters);
    if (!context) {
        return fail("the context could not be made");
    }
    llama_batch batch = llama_batch_init(count - 4, 0, 1);
    for (int i = 4; i < count; i++) {
        const int slot = batch.n_tokens++;
        batch.token[slot] = std::atoi(arguments[i]);
        batch.pos[slot] = slot;
        batch.n_seq_id[slot] = 1;
        batch.seq_id[slot][0] = 0;
        batch.logits[slot] = 1;
    }
    if (llama_decode(context, batch) != 0) {
        return fail("the batch could not be decoded");
    }
    const size_t vocabulary = size_t(llama_vocab_n_tokens(llama_model_get_vocab(model)));
    std::FILE * output = std::fopen(arguments[3], "wb");
    if (!output) {
        return fail("the output could not be opened");
    }
    const size_t width = is_encoder ? size_t(llama_model_n_embd(model)) : vocabulary;
    for (int i = 0; i < batch.n_tokens; i++) {
        const float * row = is_encoder ? llama_get_embeddings_ith(context, i) : llama_get_logits_ith(context, i);
        std::fwrite(row, sizeof(float), width, output);
    }
    std::fclose(output);
    llama_batch_free(batch);
    llama_free(context);
    return 0;
}

int main(int count, char ** arguments) {
    if (count < 4) {
        return fail("see the head of the source for the arguments");
    }
    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level >= GGML_LOG_LEVEL_WARN) { std::fputs(text, stderr); }
    }, nullptr);
    llama_backend_init();
    llama_model_params parameters = llama_model_default_params();
    parameters.n_gpu_layers = 0;
    // Weights as they are in the file, by the plain kernels.
    parameters.use_extra_bufts = false;
    llama_model * model = llama_model_load_from_file(arguments[1], parameters);
    if (!model) {
        return fail("the model could not be loaded");
    }
    if (std::strcmp(arguments[2], "tokens") == 0) {
        return print_tokens(model, arguments[3]);
    }
    if (count < 7) {
        return fail("tokens are missing");
    }
    return write_logits(model, arguments + 2, count - 2);
}
