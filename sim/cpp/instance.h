// The part of a model's shim that is the same for all. `Ports` is generated: it knows the ports of
// the Verilated class `Model` by index.
#pragma once
#include "model.h"
#include "verilated.h"
#ifdef THRESH_TRACE
#include "verilated_vcd_c.h"
#endif

template <class Model, class Ports> class Instance {
    // In this order: the model refers to the context until it is destroyed.
    VerilatedContext context;
    Model model{&context};
    uint64_t half_cycles = 0;
#ifdef THRESH_TRACE
    VerilatedVcdC vcd;
    ~Instance() {
        if (!vcd.isOpen()) return;
        dump();
        vcd.close();
    }
#endif

    void dump() {
#ifdef THRESH_TRACE
        if (vcd.isOpen()) vcd.dump(half_cycles);
#endif
        ++half_cycles;
    }

public:
    static void *create() {
        auto *self = new Instance;
        // Without this the first rising edge would be lost.
        self->model.eval();
        return self;
    }
    static void destroy(void *self) { delete static_cast<Instance *>(self); }
    static void eval(void *self) { static_cast<Instance *>(self)->model.eval(); }
    static void step(void *instance, unsigned long long cycles) {
        auto &self = *static_cast<Instance *>(instance);
        for (; cycles; --cycles) {
            self.dump();
            Ports::clock(self.model, 1);
            self.model.eval();
            self.dump();
            Ports::clock(self.model, 0);
            // Nothing happens on a falling edge, so it need not be evaluated if it can be forgotten.
            if (!Ports::forget_clock(self.model)) self.model.eval();
        }
    }
    static unsigned long long get(void *self, unsigned port) {
        return Ports::get(static_cast<Instance *>(self)->model, port);
    }
    static void set(void *self, unsigned port, unsigned long long value) {
        Ports::set(static_cast<Instance *>(self)->model, port, value);
    }
    static unsigned long long peek(void *self, unsigned memory, unsigned word) {
        return Ports::peek(static_cast<Instance *>(self)->model, memory, word);
    }
    static void poke(void *self, unsigned memory, unsigned word, unsigned long long value) {
        Ports::poke(static_cast<Instance *>(self)->model, memory, word, value);
    }
    static int trace(void *instance, const char *path) {
#ifdef THRESH_TRACE
        auto &self = *static_cast<Instance *>(instance);
        if (self.vcd.isOpen()) self.vcd.close();
        self.context.traceEverOn(true);
        self.model.trace(&self.vcd, 99);
        self.vcd.open(path);
        return self.vcd.isOpen() ? 0 : 1;
#else
        (void)instance, (void)path;
        return 2;
#endif
    }
    static constexpr thresh_model describe(const char *name) {
        return {name,   Ports::list, Ports::count, Ports::memories, Ports::memory_count,
                create, destroy,     eval,         step,            get,
                set,    peek,        poke,         trace};
    }
};
