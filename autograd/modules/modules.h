// Layers with parameters. A module declares its parameters when made and records operations when
// called; it holds numbers of parameters and no data, so copying one shares its parameters.
//
// Thread safety: a module does not change once made; calling it records into the program of its
// argument, which one thread at a time may do.

#pragma once

#include <string>
#include <vector>

#include "autograd/modules/parameters.h"
#include "autograd/operations/operations.h"

namespace understudy {

// y = f(x W + b), x [..., inputs], y [..., outputs].
class Linear {
 public:
  struct Options {
    std::int64_t inputs = 0, outputs = 0;
    bool bias = true;
    Activation activation = Activation::none;
    Initialization weight = {};
    Initialization bias_start = zeros();
  };
  Linear(Parameters& parameters, const std::string& name, const Options& options);
  Tensor operator()(Tensor x) const;
  int weight() const { return weight_; }

 private:
  const Parameters* parameters_;
  int weight_, bias_ = -1;
  Activation activation_;
};

// y = f(x (W * M) + b) with a fixed mask M of 0 and 1, [inputs * outputs] in row-major order: the
// layer of a MADE (Germain et al. 2015, equation 9).
class MaskedLinear {
 public:
  MaskedLinear(Parameters& parameters, const std::string& name, const Linear::Options& options,
               std::vector<double> mask);
  Tensor operator()(Tensor x) const;

 private:
  const Parameters* parameters_;
  Linear::Options options_;
  std::vector<double> mask_;
  int weight_, bias_;
};

// The masks of a MADE with hidden layers of the given sizes: input d may reach outputs of
// dimensions after d in the order 0, 1, ..., with `per_dimension` outputs a dimension (ibid.,
// equations 12-13; degrees assigned in turn). One mask a layer, for MaskedLinear.
std::vector<std::vector<double>> made_masks(std::int64_t dimensions,
                                            const std::vector<std::int64_t>& hidden,
                                            std::int64_t per_dimension, std::int64_t context = 0);

// Linear layers with one activation between them.
class Mlp {
 public:
  struct Options {
    std::int64_t inputs = 0;
    std::vector<std::int64_t> hidden = {100, 100};  // Ho & Ermon 2016, section 6
    std::int64_t outputs = 0;                       // 0: the last hidden layer is the result
    Activation activation = Activation::tanh;
    Initialization weight = {};
    Initialization last_weight = {};
  };
  Mlp(Parameters& parameters, const std::string& name, const Options& options);
  Tensor operator()(Tensor x) const;
  std::int64_t outputs() const { return outputs_; }

 private:
  std::vector<Linear> layers_;
  std::int64_t outputs_;
};

// Two-dimensional convolution, x [batch, channels, height, width].
class Conv {
 public:
  struct Options {
    std::int64_t in_channels = 0, out_channels = 0, kernel = 3, stride = 1, pad = 0;
    Activation activation = Activation::relu;
    Initialization weight = {InitializationKind::he_normal, 1.0, 1};
  };
  Conv(Parameters& parameters, const std::string& name, const Options& options);
  Tensor operator()(Tensor x) const;

 private:
  const Parameters* parameters_;
  Options options_;
  int weight_, bias_;
};

// RNN, LSTM or GRU over x [batch, steps, inputs].
class Recurrent {
 public:
  struct Options {
    Cell cell = Cell::lstm;
    std::int64_t inputs = 0, hidden = 64;
    double forget_bias = 1.0;  // lstm (Jozefowicz et al. 2015, section 5)
  };
  struct State {
    Tensor h, c;  // [batch, hidden]; undefined for zeros
  };
  Recurrent(Parameters& parameters, const std::string& name, const Options& options);
  // mask [batch, steps] of 0 and 1, or undefined. `unrolled` records elementary operations, which
  // can be differentiated more than once.
  RecurrentResult operator()(Tensor x, const State& start = {}, Tensor mask = {},
                             bool unrolled = false) const;
  std::int64_t hidden() const { return options_.hidden; }
  Cell cell() const { return options_.cell; }

 private:
  const Parameters* parameters_;
  Options options_;
  int input_weight_, weight_, bias_, bias_n_ = -1;
};

// Layer normalization over the last axis, with gain and bias (Ba et al. 2016).
class LayerNormalization {
 public:
  LayerNormalization(Parameters& parameters, const std::string& name, std::int64_t width,
                     double epsilon = 1e-5);
  Tensor operator()(Tensor x) const;

 private:
  const Parameters* parameters_;
  int gain_, bias_;
  double epsilon_;
};

// A row of a learned table [count, width] for each index [...]: y [..., width].
class Embedding {
 public:
  Embedding(Parameters& parameters, const std::string& name, std::int64_t count, std::int64_t width,
            const Initialization& how = {InitializationKind::normal, 1.0, 1});
  Tensor operator()(Tensor index) const;

 private:
  const Parameters* parameters_;
  int table_;
};

}  // namespace understudy
