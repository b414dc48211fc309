// What Rust sees of a Verilated model; bindgen reads this file. It includes no system header.
#pragma once
#ifdef __cplusplus
extern "C" {
#endif

typedef struct thresh_port {
    const char *name;
    unsigned bits;
    unsigned input;
} thresh_port;

typedef struct thresh_memory {
    const char *name;
    unsigned words;
    unsigned bits;
} thresh_memory;

typedef struct thresh_model {
    const char *name;
    const thresh_port *ports;
    unsigned port_count;
    const thresh_memory *memories;
    unsigned memory_count;
    // A new instance, settled with the clock low and every other input zero.
    void *(*create)(void);
    void (*destroy)(void *instance);
    // Settles the outputs after inputs have changed.
    void (*eval)(void *instance);
    // Runs whole clock cycles; the clock is low before and after.
    void (*step)(void *instance, unsigned long long cycles);
    unsigned long long (*get)(void *instance, unsigned port);
    void (*set)(void *instance, unsigned port, unsigned long long value);
    // A word of a memory, past the module's ports. An unknown word reads as zero and is not written.
    unsigned long long (*peek)(void *instance, unsigned memory, unsigned word);
    void (*poke)(void *instance, unsigned memory, unsigned word, unsigned long long value);
    // Writes waves to a file from now on. 0: done, 1: cannot be written, 2: the model was built without.
    int (*trace)(void *instance, const char *path);
} thresh_model;

extern const thresh_model *const thresh_models[];
extern const unsigned thresh_model_count;

#ifdef __cplusplus
}
#endif
