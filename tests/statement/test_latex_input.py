"""Equations in LaTeX: those of the documents that derive prints, those that others write, and what is refused."""

from __future__ import annotations

import re
import time

import pytest
from conftest import ROOT
from helpers import given_and_learned, index_form, interpreted, off, real
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import NETWORKS

from derive import Network, Statement, StatementError, derive
from derive.calculus.forward import ForwardPass
from derive.statement.language.write import equations_text
from derive.statement.latex.commands import GREEK
from derive.statement.specification import Learning

# ------------------------------------------------------------ documents of derive

#: What the equations for one sample do not say: an axis of one entry has no index; an error that is no mean over the
#: samples. And what is no statement: a prediction that reads no sample.
NOT_READ = {"bilinear", "linear_error", "pairs_of_samples", "constant_units"}


def forward_part(document: str) -> str:
    """The forward equations of a document, for one sample or for coupled ones."""
    begin = re.search("For one sample, the network computes|so all are written for a batch", document)
    return document[: document.find("For a batch, $m$")].partition("Written out")[0] if begin else document


def test_documents_of_a_recurrence_with_a_beginning_are_read():
    derivation = derive(Statement.from_file(ROOT / "examples" / "linear_recurrence.eq"))
    stated = derivation.equations().splitlines()
    declared = [line for line in stated if line.startswith(("size", "input", "target", "parameter", "recurrent"))]
    document = derivation.latex(only=("forward",)).partition("For the $")[0]
    assert r"s_{0i} &= \mathrm{first}_{i}" in document and "[t = 1]" not in document
    read = derive(Statement.from_latex(forward_part(document), "\n".join(declared)))
    with_beginning = [line for line in stated if line.startswith("s[")]
    assert "s[0, i] = first[i]" in with_beginning
    assert with_beginning == [line for line in read.equations().splitlines() if line.startswith("s[")]


def test_iversons_bracket_is_read():
    text = r"h_{ti} = a_i x_{ti} [t = 2], \qquad E = \sum_{t=1}^T \sum_i (y_{ti} - h_{ti})^2"
    read = Statement.from_latex(text, "size T = 3\ninput x[T, 2]\ntarget y[T, 2]\nparameter a[2]")
    assert "delta(2, t)" in derive(read).equations()


def test_documents_print_ranges_that_an_equation_does_not_tell():
    derivation = derive(Statement.from_file(ROOT / "examples" / "max_pooling.eq"))
    stated = derivation.equations().splitlines()
    declared = [line for line in stated if line.startswith(("size", "input", "target", "parameter"))]
    document = derivation.latex(only=("forward",)).partition("For the $")[0]
    assert r", \quad t = 1, \dots, 9" in document
    read = derive(Statement.from_latex(forward_part(document), "\n".join(declared)))
    with_index = [line for line in stated if line.startswith("o[")]
    assert with_index and with_index == [line for line in read.equations().splitlines() if line.startswith("o[")]


def gradients(forward: ForwardPass, values, sizes):
    program = index_form(forward)
    found = interpreted(program, values, sizes)
    slopes = [s.target.name for s in program.stage("gradient")]
    error = program.stage("error")[-1].target.name
    names = [p.name.lower() for p in program.parameters]
    return {"error": real(found[error]), **{n: real(found[g]) for n, g in zip(names, slopes, strict=True)}}


def same_gradients(forward: ForwardPass, read: ForwardPass) -> None:
    values, sizes = given_and_learned(index_form(forward), 3)
    lower = {name.lower(): value for name, value in values.items()}
    others = {t.name: lower[t.name.lower()] for t in (*read.inputs, *read.parameters)}
    expected, found = gradients(forward, values, sizes), gradients(read, others, sizes)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert off(found[name], value) < 1e-9, name


def shape(tensor) -> str:
    sides = ", ".join(str(a.extent) for a in tensor.axes if not a.sample)
    return f"{tensor.name}[{sides}]" if sides else tensor.name


@pytest.mark.sampled(8)
@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - NOT_READ - {"softmax_cross_entropy"}))
def test_printed_equations_of_statements(name):
    forward = NETWORKS[name]()
    document = derive(forward).latex(only="forward")
    lines = [f"parameter {shape(p)}" for p in forward.parameters]
    for tensor in forward.inputs:
        without = "" if any(a.sample for a in tensor.axes) else " without samples"
        lines.append(f"{tensor.role} {shape(tensor).replace('X', 'x').replace('Y', 'y')}{without}")
    if "=1}^{m}" in forward_part(document):
        lines.append("samples m")
    same_gradients(forward, Statement.from_latex(forward_part(document), "\n".join(lines)).forward_pass())


def proposed(text: str) -> str:
    """The lines that the error proposes for a text without declarations."""
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(text)
    return "\n".join(line.strip(" %") for line in str(refused.value).split("\n") if line.startswith("    % "))


@pytest.mark.parametrize(
    ("layers", "activation", "loss", "notation"),
    [
        ("3,4,2", "tanh,softmax", "cross_entropy", "psi"),
        ("3,2,4,2", "relu,sigmoid,sigmoid", "binary_cross_entropy", "bracket"),
        ("3,4,2", "sigmoid", "mse", "delta"),
    ],
)
def test_printed_equations_of_networks_with_proposed_declarations(layers, activation, loss, notation):
    network = Network(layers, activation, loss, notation=notation)
    text = forward_part(derive(network).latex(only="forward"))
    declarations = proposed(text)
    assert "input x[3]" in declarations and "target y[2]" in declarations and "size" not in declarations
    read = Statement.from_latex(text, declarations).forward_pass()
    forward = network.forward_pass()
    if notation != "delta":
        same_gradients(forward, read)
        return
    values, sizes = given_and_learned(index_form(forward), 3)  # w_ij leads from unit i to unit j
    others = {name.lower(): value.T if name[0] == "W" else value for name, value in values.items()}
    expected, found = gradients(forward, values, sizes), gradients(read, others, sizes)
    for name, value in expected.items():
        assert off(found[name], value.T if name[0] == "w" else value) < 1e-9


@pytest.mark.parametrize(
    ("declarations", "equations"),
    [
        (  # derivatives, and names with labels
            "input x[2], t\nparameter W_h[3, 2], c_out[3]",
            "a[i] = tanh(sum(W_h[i, j] * x[j], j) + t)\nu = sum(c_out[i] * a[i], i)\n"
            "E = (diff(u, t) + diff(u, x[1]))**2",
        ),
        (  # an axis of one entry, a constant, and sizes that have the letters of indices
            "size j = 2, k = 1\ninput x[j]\ntarget y[k]\nparameter W[k, j]\nconstant eps = 0.1",
            "o[i] = sum(W[i, p] * x[p], p) + eps\nE = sum((y[i] - o[i])**2, i)",
        ),
        ("input x[2]\nparameter g[2], b[2]", "f[i] = elu(g[i] * x[i], alpha=1.4)\nE = sum(f[i]**2 + relu(b[i]), i)"),
    ],
)
def test_printed_equations_of_texts(declarations, equations):
    forward = Statement(f"{declarations}\n{equations}").forward_pass()
    same_gradients(
        forward, Statement.from_latex(forward_part(derive(forward).latex(only="forward")), declarations).forward_pass()
    )


# ------------------------------------------------------------ as others write

TEXTS = {
    "layers in square brackets": r"""
        % size n_x = 3, n_h = 4
        % input x[n_x]
        % target y[2]
        % parameter W1[n_h, n_x], b1[n_h], W_2[2, n_h], b_2[2]
        \begin{align}
          z^{[1]}_i &= \sum_{j=1}^{n_x} W^{[1]}_{ij} x_j + b^{[1]}_i, \label{eq:z} \\
          a^{[1]}_i &= g(z^{[1]}_i) = \max(0, z^{[1]}_i) \tag{2} \\[2pt]
          z^{[2]}_i &= \sum_{j} W^{[2]}_{i,j}\, a^{[1]}_{j} + b^{[2]}_i, & \hat{y}_i &= \sigma\left(z^{[2]}_i\right)
        \end{align}
        and the loss is
        \[ \mathcal{L}(\hat y, y) = -\sum_i \bigl[ y_i\log \hat y_i + (1-y_i)\log(1-\hat y_i) \bigr]. \]
    """,
    "layers as plain superscripts": r"""
        % input a1[3]
        % target y[2]
        % parameter w2[4, 3], b2[4], w3[2, 4], b3[2]
        \begin{eqnarray}
          z^2_j & = & \sum_k w^{2}_{jk} a^1_k + b^2_j \\
          a^2_j & = & \sigma\Big(z^2_j\Big) \nonumber \\
          a^3_j &=& \sigma\left(\sum_k w^3_{jk} a^2_k+b^3_j\right), \\
          C &=& \frac{1}{2} \sum_j (y_j-a^3_j)^2
        \end{eqnarray}
    """,
    "layers in round brackets": r"""
        % size D = 3, M = 4, K = 2
        % input x[D]
        % target t[K]
        % parameter w1[M, D], b[M], w2[K, M]
        $$ a_j = \sum_{i=1}^{D} w_{ji}^{(1)} x_i + b_j $$
        $$ z_j = \tanh(a_j), \qquad y_k = \sum_{j=1}^M w_{kj}^{(2)} z_j, $$
        $$ E(\mathbf{w}) = \frac12 \sum_{k=1}^{K} \{ y_k - t_k \}^2 $$
    """,
    "layers on the left": r"""
        % input x[3]
        % target y[2]
        % parameter W1[4, 3], W2[2, 4]
        {}^{(1)}a_i = \tanh\biggl(\sum_{j} {}^{(1)}W_{ij}\, x_j\biggr) \\
        {}^{(2)}{a}_{i} = \sum_j {}^{(2)}W_{ij} {}^{(1)}a_j \\
        E = \sum_i (y_i - {}^{(2)}a_i)^2
    """,
    "softmax regression with a penalty": r"""
        % size D = 3, K = 4
        % input x[D]
        % target y[K]
        % parameter W[K, D], b[K]
        % constant lambda = 0.1
        % promise sums_to_one y
        f_j = \sum_d W_{jd} x_d + b_j \\
        p_k = \frac{e^{f_k}}{ \sum_j e^{f_j} }, \quad
        L = -\sum_k y_k \log p_k + \frac{1}{2} \lambda \sum_{k}\sum_{d} W_{k,d}^2
    """,
    "logistic regression with its samples": r"""
        % samples m
        % size n = 3
        % input x[n]
        % target y
        % parameter theta[n]
        h^{(i)} = \frac{1}{1 + e^{-\sum_{j=1}^{n} \theta_j x_j^{(i)}}}
        \qquad
        J(\theta) = -\frac{1}{m} \sum_{i=1}^{m}
          \left[ y^{(i)} \log h^{(i)} + (1 - y^{(i)}) \log\left(1 - h^{(i)}\right) \right]
    """,
    "cases, and an absolute value": r"""
        % input x[3]
        % target y
        % parameter V[4, 3], c[4], w[4], beta
        \begin{gather}
          u_i = \sum_{j} V_{ij} x_j + c_i,\\
          h_i = \begin{cases} u_i, & \text{if $u_i > 0$},\\ 0.01\,u_i & \text{otherwise,} \end{cases}\\
          \tilde y = \sum_i w_i h_i + \beta \\
          \ell = \lvert y - \tilde y \rvert^2 + |\beta|
        \end{gather}
    """,
    "normalised, with constants": r"""
        % size n = 4
        % input x[n]
        % target t[n]
        % parameter gamma[n], β[n]
        % constant epsilon = 1e-5
        \mu = \frac{1}{n}\sum_{i=1}^n x_i, \quad v = \frac{1}{n}\sum_{i=1}^n (x_i - \mu)^2, \\
        \hat x_i = \frac{x_i - \mu}{\sqrt{v + \varepsilon}}, \\
        y_i = \gamma_i \hat x_i + \beta_i \\
        \mathcal{L} = \tfrac{1}{2}\sum_i (t_i - y_i)^2
    """,
    "attention": r"""
        % size T = 3, d = 2, n = 4
        % input x[T, n]
        % target y[T, d]
        % parameter W_Q[d, n], W_K[d, n], W_V[d, n]
        q_{ti} = \sum_j W^Q_{ij} x_{tj}, \quad k_{ti} = \sum_j W^K_{ij} x_{tj} \quad v_{ti} = \sum_j W^V_{ij} x_{tj} \\
        e_{ts} = \frac{1}{\sqrt{d}} \sum_{i=1}^{d} q_{ti} k_{si} \\
        \alpha_{ts} = \mathrm{softmax}_s(e_{ts}) \\
        \mathbf{o}_{ti} = \sum_s \alpha_{ts} \mathbf{v}_{si} \\
        E = \sum_{t,i} (y_{ti} - o_{ti})^2
    """,
    "a convolution": r"""
        % size C = 2, n = 6, k = 3, p = 4, F = 3
        % input x[C, n]
        % target y[F]
        % parameter W[F, C, k], b[F]
        z_{fi} = \sum_{c}\sum_{j=1}^{k} W_{fcj}\, x_{c,i+j-1} + b_f, \quad i = 1, \dots, p \\
        h_{fi} = \operatorname{ReLU}(z_{fi}) \\
        o_f = \max_i h_{fi} \\
        E = \frac{1}{2} \sum_f (y_f - o_f)^2
    """,
    "weights with names": r"""
        % input x[3]
        % target y
        % parameter W_xh[4, 3], b_h, w_out[4], b_out
        h_t = \tanh\left(\sum_j W_{xh,tj} x_j + b_h\right)
        \quad \hat{y} = \sum_t w_{\text{out},t} h_t + b_{\mathrm{out}}
        \quad E = (y - \hat y)^2
    """,
    "Markdown, words of several letters, and ranges": r"""
        % input x[3]
        % target t[2]
        % parameter w1[4, 3], b1[4], w2[2, 4]
        **Forward pass** with $\sigma'(0) = 0.25$:
        $$net_j = \sum_{i=1}^3x_iw^{(1)}_{ji} + b^{(1)}_j, \quad \text{for } j = 1, 2, \ldots, 4$$
        $$h_j = f(net_j), \quad \forall j, \qquad (2)$$
        where $$f(z) = \sigma(z) = \frac{1}{1+e^{-z}} .$$
        $$\hat{t}_k = \text{softmax}\left(\sum_j w^{(2)}_{kj} h_j\right)_k, \quad k \in \{1, \dots, 2\}$$
        $$MSE = \frac{1}{2} \sum_k (t_k - \hat{t}_k)^2$$
    """,
    "the error first": r"""
        % input x[3]
        % target y[2]
        % parameter w[2, 3], theta[2]
        \begin{equation} \left\{
        \begin{aligned}
          J &= \frac{1}{2}\sum_k \left(y_k - o_k\right)^2, \\
          o_k &= \varphi(\mathrm{net}_k), \quad \text{where} \quad \mathrm{net}_k = \sum_j w_{kj} x_j
            + \theta_k, \\
          \varphi(x) &= \frac{1}{1 + e^{-x}}
        \end{aligned} \right.
        \end{equation}
    """,
}


#: Derivations in the notation of their sources, each with its declarations and the same equations in the text language.
RESTATED = {
    "a layer with x_0 = 1 (Bishop)": (
        r"a_j = \sum_{i=0}^D w_{ji}^{(1)} x_i, \; z_j = h(a_j), \; h(a) = \tanh(a), \; "
        r"y_k = \sum_{j=0}^M w_{kj}^{(2)} z_j,"
        r"\\ E(\mathbf{w}) = \frac12 \sum_k (y_k - t_k)^2, \quad x_0 = 1, \quad z_0 = 1",
        "size D = 3, M = 4, K = 2, P = D + 1 from 0, Q = M + 1 from 0\ninput x[D]\ntarget t[K]\n"
        "parameter w1[M, P], w2[K, Q]",
        "function h(a) = tanh(a)\nx_bar[i in P] = sum(x[j] * delta(i, j), j) + delta(0, i)\n"
        "a[j] = sum(w1[j, i] * x_bar[i], i)\nz[j] = h(a[j])\nz_bar[i in Q] = sum(z[j] * delta(i, j), j) + delta(0, i)\n"
        "y[k] = sum(w2[k, j] * z_bar[j], j)\nE = sum((y[k] - t[k])**2, k) / 2",
    ),
    "samples first, with terms of the error (Bishop)": (
        r"a_{nj} = \sum_{i=1}^D w_{ji} x_{ni} + w_{j0} \\ E_n = \sum_j (a_{nj} - t_{nj})^2, \quad E = \sum_{n=1}^N E_n",
        "samples N\nindex n in N\nsize D = 3, P = D + 1 from 0\ninput x[D]\ntarget t[2]\nparameter w[2, P]",
        "a[j] = sum(w[j, i] * x[i], i in D) + w[j, 0]\nE_each = sum((a[j] - t[j])**2, j)\nE = sum(E_each[n], n)",
    ),
    "two layers as matrices (Goodfellow)": (
        r"\mathbf{h} = \sigma(\mathbf{W}^{(1)} \mathbf{x} + \mathbf{b}), \; "
        r"\mathbf{o} = {\mathbf{W}^{(2)}}^\top\mathbf{h}, \;"
        r"L = -\mathbf{y}^\top \log \mathrm{softmax}(\mathbf{o}) "
        r"+ \frac{\lambda}{2} \left\lVert \mathbf{W}^{(1)} \right\rVert_F^2",
        "size H = 4, k = 2\ninput x[3]\ntarget y[k]\nparameter W1[H, 3], b[H], W2[H, k]\nconstant lambda = 0.1",
        "h[i] = sigmoid(sum(W1[i, j] * x[j], j) + b[i])\no[i] = sum(W2[j, i] * h[j], j)\n"
        "L = -sum(y[i] * log(softmax(o[i], i)), i) + lambda / 2 * sum(W1[i, j]**2, i, j)",
    ),
    "attention (Vaswani)": (
        r"Q = X W^Q, \; K = X W^K, \; A = \mathrm{softmax}\left(\frac{QK^\top}{\sqrt{d_k}}\right) X, \; "
        r"E = \lVert Y - A \rVert^2",
        "size d_k = 2\ninput X[3, 4]\ntarget Y[3, 4]\nparameter W_Q[4, d_k], W_K[4, d_k]",
        "Q[i, j] = sum(X[i, k] * W_Q[k, j], k)\nK[i, j] = sum(X[i, k] * W_K[k, j], k)\n"
        "A[i, j] = sum(softmax(sum(Q[i, p] * K[k, p], p) / sqrt(d_k), k) * X[k, j], k)\nE = sum((Y[i, "
        "j] - A[i, j])**2, i, j)",
    ),
    "an LSTM step": (
        r"f = \sigma(W_f x + U_f h + b_f), \; i = \sigma(W_i x), \; c' = f \circ c + i * \tanh(W_c x), \; "
        r"h' = \tanh(c'),"
        r"E = \tfrac12 \|h' - y\|_2^2",
        "size H = 2\ninput x[3], h[H], c[H]\ntarget y[H]\nparameter W_f[H, 3], U_f[H, H], b_f[H], W_i[H, 3], W_c[H, 3]",
        "f[j] = sigmoid(sum(W_f[j, k] * x[k], k) + sum(U_f[j, k] * h[k], k) + b_f[j])\n"
        "i[j] = sigmoid(sum(W_i[j, k]*x[k], k))\n"
        "c_prime[j] = f[j] * c[j] + i[j] * tanh(sum(W_c[j, k] * x[k], k))\nh_prime[j] = tanh(c_prime[j])\n"
        "E = sum((h_prime[j] - y[j])**2, j) / 2",
    ),
    "a variational autoencoder (Kingma)": (
        r"\mu = W_\mu x, \; s = W x, \; \sigma = \exp(s/2), \; z = \mu + \sigma \odot \epsilon,"
        r"\; D_{\mathrm{KL}} = -\frac12 \sum_{j=1}^J (1 + \log \sigma_j^2 - \mu_j^2 - \sigma_j^2), \; "
        r"L = \|x - V z\|^2 + D_{\mathrm{KL}}",
        "size J = 2\ninput x[3], epsilon[J]\nparameter W_mu[J, 3], W[J, 3], V[3, J]",
        "mu[i] = sum(W_mu[i, j] * x[j], j)\ns[i] = sum(W[i, j] * x[j], j)\nsigma[i] = exp(s[i] / 2)\n"
        "z[i] = mu[i] + sigma[i] * epsilon[i]\nD_KL = -sum(1 + log(sigma[j]**2) - mu[j]**2 - sigma[j]**2, j) / 2\n"
        "L = sum((x[j] - sum(V[j, i] * z[i], i))**2, j) + D_KL",
    ),
    "a physics-informed network": (
        r"u = \sum_i c_i \tanh(w_i x + v_i t), \quad r = \frac{\partial u}{\partial t} + u \,"
        r" \partial_x u - u_{xx}, \; E = r^2",
        "input x, t\nparameter w[3], v[3], c[3]",
        "u = sum(c[i] * tanh(w[i] * x + v[i] * t), i)\nr = diff(u, t) + u * diff(u, x) - diff(diff(u, x), x)\nE = r**2",
    ),
    "second derivatives": (
        r"u = c^\top \tanh(W x), \quad r = \sum_j \frac{\partial^2 u}{\partial x_j^2}, \quad E = (r - 1)^2",
        "input x[2]\nparameter W[3, 2], c[3]",
        "u = sum(c[i] * tanh(sum(W[i, j] * x[j], j)), i)\nr = sum(diff(diff(u, x[j]), x[j]), j)\nE = (r - 1)**2",
    ),
    "a penalty of a gradient (Gulrajani)": (
        r"D = w^\top \tanh(W x),"
        r" \quad E = D + \lambda \left(\left\|\frac{\mathrm{d} D}{\mathrm{d} x}\right\|_2 - 1\right)^2",
        "input x[2]\nparameter W[3, 2], w[3]\nconstant lambda = 10",
        "D = sum(w[i] * tanh(sum(W[i, j] * x[j], j)), i)\nE = D + lambda * (sqrt(sum(diff(D, x[j])**2, j)) - 1)**2",
    ),
    "normalised in a batch (Ioffe)": (
        r"\mu_{\mathcal{B}} = \frac1m \sum_{i=1}^m x_i, \; "
        r"\sigma_{\mathcal{B}}^2 = \frac1m \sum_{i=1}^m (x_i - \mu_{\mathcal B})^2,"
        r"\hat{x}_i = \frac{x_i - \mu_{\mathcal B}}{\sqrt{\sigma_{\mathcal B}^2 + \epsilon}}, \; "
        r"E = \sum_i (\gamma \hat x_i - t_i)^2",
        "samples m\nindex i in m\ninput x\ntarget t\nparameter gamma\nconstant eps = 1e-5",
        "mu_B = mean(x[i], i)\nsigma_2_B = mean((x[i] - mu_B)**2, i)\n"
        "x_hat[i] = (x[i] - mu_B) / sqrt(sigma_2_B + eps)\n"
        "E = sum((gamma * x_hat[i] - t[i])**2, i)",
    ),
    "word vectors (Mikolov), with macros": (
        r"\newcommand{\vec}[2]{\mathbf{#1}_{#2}} \DeclareMathOperator{\expo}{exp}"
        r"\[ p = \frac{\exp(\vec{u}{o}^\top \vec{v}{c})}{\sum_{w=1}^V \expo(\vec{u}{w}^\top \vec{v}{c})},"
        r" \quad J = -\log p \]",
        "size V = 5, d = 2\ninput o in V, c in V\nparameter u[V, d], v[V, d]",
        "p = exp(sum(u[o, j] * v[c, j], j)) / sum(exp(sum(u[w, j] * v[c, j], j)), w)\nJ = -log(p)",
    ),
}


@pytest.mark.parametrize("name", RESTATED)
def test_derivations_of_others(name):
    latex, declarations, text = RESTATED[name]
    assert_same(Statement.from_latex(latex, declarations), Statement(f"{declarations}\n{text}"))


def assert_same(one: Statement, other: Statement) -> None:
    """Assert that two statements have the same equations, whatever the letters of indices."""
    found = ([(e.target.name, str(e.expression)) for e in s.forward_pass().refreshed().equations] for s in (one, other))
    assert next(found) == next(found)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_others(name):
    derive(Statement.from_latex(TEXTS[name])).check().require()


def test_the_equations_are_those_that_are_written():
    x, y = "input x[3]", "target y[2]"
    written = Statement.from_latex(TEXTS["layers in square brackets"])
    same = Statement(f"""
        size n_x = 3, n_h = 4
        {x.replace("3", "n_x")}
        {y}
        parameter W1[n_h, n_x], b1[n_h], W_2[2, n_h], b_2[2]
        z1[i] = sum(W1[i, j] * x[j], j) + b1[i]
        a1[i] = max(0, z1[i])
        z2[i] = sum(W_2[i, j] * a1[j], j) + b_2[i]
        y_hat[i] = sigmoid(z2[i])
        L = -sum(y[i] * log(y_hat[i]) + (1 - y[i]) * log(1 - y_hat[i]), i)
    """)
    assert unsigned(written) == unsigned(same)


def unsigned(statement: Statement) -> str:
    return equations_text(statement.forward_pass().refreshed(), Learning())


def formula(latex: str, text: str) -> None:
    """Assert that a formula in LaTeX is one of the text language, with a few names."""
    head = "size n = 3, q = 4 from 0\ninput x[n]\ntarget y[n]\nparameter v[q], W[n, n], b[n], c\nconstant a = 2\n"
    head += "function f(x) = x**2\nindex ij in n\n"
    written = Statement.from_latex(rf"z_i = {latex} \\ E = \sum_i (y_i - z_i)^2", head)
    same = Statement(f"{head}z[i] = {text}\nE = sum((y[i] - z[i])**2, i)")
    assert_same(written, same)


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"2 b_i \cdot c \, x_i / 4", "2 * b[i] * c * x[i] / 4"),
        (r"1/2 b_i - \frac12 x_i + \frac1{a}", "b[i] / 2 - x[i] / 2 + 1 / a"),
        (r"b_i(1 - b_i) x_i", "b[i] * (1 - b[i]) * x[i]"),
        (r"f(b_i) + a(x_i + c)", "f(b[i]) + a * (x[i] + c)"),
        (r"\tanh^2 b_i + \exp(x_i)^2 + \log(x_i^2)", "tanh(b[i])**2 + exp(x[i])**2 + log(x[i]**2)"),
        (r"e^{-b_i} + \mathrm{e}^{b_i} + \exp\{x_i\} + e", "exp(-b[i]) + exp(b[i]) + exp(x[i]) + exp(1)"),
        (r"\sqrt[3]{1 + x_i^2} + \sqrt{a}", "(1 + x[i]**2)**(1/3) + sqrt(a)"),
        (r"|b_i||x_i| + \left| c \right|", "abs(b[i]) * abs(x[i]) + abs(c)"),
        (r"\max(0, b_i) + \min\{c, x_i\} + \max_j b_j", "max(0, b[i]) + min(c, x[i]) + max(b[j], j)"),
        (r"\max_{1 \le j \le n} W_{ij} x_j", "max(W[i, j] * x[j], j)"),
        (r"\sum_{jk} W_{ij} W_{jk} + \sum_{j,k} W_{jk} x_i", "sum(W[i, j]*W[j, k], j, k) + sum(W[j, k]*x[i], j, k)"),
        (r"\frac{1}{n} \sum_j b_j x_j + x_i", "mean(b[j] * x[j], j) + x[i]"),
        (r"\sum_{j=1}^{n-1} (x_j - x_{j+1})^2 + b_i", "sum((x[j] - x[j+1])**2, j in n - 1) + b[i]"),
        (r"W_{i1} x_2 + b_{2} + W_{12} + b_i", "W[i, 1] * x[2] + b[2] + W[1, 2] + b[i]"),
        (r"\sum_{ij} b_{ij} x_{ij} + b_i", "sum(b[ij] * x[ij], ij) + b[i]"),
        (r"\mathrm{softmax}(b)_i + \operatorname{softmax}(x_i)", "softmax(b[i], i) + softmax(x[i], i)"),
        (r"\operatorname{Leaky-ReLU}(b_i) + \text{GELU}(x_i)", "leaky_relu(b[i]) + gelu(x[i])"),
        (r"\log\sum_j e^{b_j} + x_i", "log(sum(exp(b[j]), j)) + x[i]"),
        (r"\sum_{j=0}^{q-1} v_j + x_i", "sum(v[j], j) + x[i]"),
        (r"\prod_j (1 + b_j)^2 + x_i", "prod((1 + b[j])**2, j) + x[i]"),
        (r"\sqrt\mathbf{a} \, x_i", "sqrt(a) * x[i]"),
        (r"\delta_{i2} b_i + x_i \pi^2", "delta(i, 2) * b[i] + x[i] * pi**2"),
        (r"\textcolor{red}{b_i} \, \boldsymbol{x}_{i}^{2}", "b[i] * x[i]**2"),
        (
            r"\begin{cases} b_i & x_i > 0 \land b_i < 1 \\ -x_i & x_i \le -1 \\ c & \text{else} \end{cases}",
            "where(x[i] > 0 and b[i] < 1, b[i], where(x[i] <= -1, -x[i], c))",
        ),
        (r"(W b)_i + (W^\top x + b)_i", "sum(W[i, j] * b[j], j) + sum(W[j, i] * x[j], j) + b[i]"),
        (r"x^{\mathrm{T}} W b \, x_i", "sum(sum(x[j] * W[j, k], j) * b[k], k) * x[i]"),
        (r"(2 W x / a)_i + (x \odot b / 2)_i", "2 * sum(W[i, j] * x[j], j) / a + x[i] * b[i] / 2"),
        (r"\tanh(W x)_i \, b^\top x - b \cdot x", "tanh(sum(W[i, j]*x[j], j)) * sum(b[j]*x[j], j) - sum(b[j]*x[j], j)"),
        (r"\mathrm{softmax}(W x + b)_i", "softmax(sum(W[i, j] * x[j], j) + b[i], i)"),
        (
            r"\lVert b \rVert^2 x_i + \|x - b\|_1 + ||W||_F",
            "sum(b[j]**2, j)*x[i]+sum(abs(x[j]-b[j]), j)+sqrt(sum(W[j, k]**2, j, k))",
        ),
        (
            r"\langle x, b \rangle x_i + \operatorname{tr}(W^\top W)",
            "sum(x[j]*b[j], j) * x[i] + sum(W[j, k] * W[j, k], j, k)",
        ),
        (r"\sum_{j \ne i} x_j b_j + x_i", "sum((1 - delta(j, i)) * (x[j] * b[j]), j) + x[i]"),
        (r"\sum_{n} x_n b_n + x_i", "sum(x[j] * b[j], j) + x[i]"),
        (r"\begin{dcases} b_i & x_i > 0 \\ 0 & \text{for } x_i \leq 0 \end{dcases}", "where(x[i] > 0, b[i], 0)"),
    ],
)
def test_formulas(latex, text):
    formula(latex, text)


def test_rows_go_on():
    text = r"""
        \begin{multline}
          z_i = \sum_{j=1}^{n} \Bigl( W_{ij} \\
            x_j \Bigr) \\
            + \sum_{j=1}^{n} \\
            \sum_{k=1}^{n} W_{jk} x_i
        \end{multline}
        \begin{align*} E &= \sum_i (y_i - z_i)^2 & \text{(the error)} \end{align*}
    """
    head = "size n = 3\ninput x[n]\ntarget y[n]\nparameter W[n, n]\n"
    same = "z[i] = sum(W[i, j] * x[j], j) + sum(sum(W[j, k] * x[i], k), j)\nE = sum((y[i] - z[i])**2, i)"
    assert unsigned(Statement.from_latex(text, head)) == unsigned(Statement(head + same))


def test_functions_and_the_number_e_keep_their_meaning_beside_tensors_of_their_letters():
    head = "input x[3]\ntarget y[3]\nparameter b[3]\n"
    written = r"g(x, a) = x^2(1-x) + a/x, \quad e_i = g(x_i, b_i), \quad E = \sum_i (y_i - e^{e_i})^2"
    same = f"{head}function g(x, a) = x**2 * (1 - x) + a / x\ne[i] = g(x[i], b[i])\nE = sum((y[i] - exp(e[i]))**2, i)"
    assert unsigned(Statement.from_latex(written, head)) == unsigned(Statement(same))


def test_names_come_back_on_paper():
    text = (
        r"\tilde h_i = \tanh(\sum_j W^{[1]}_{ij} x_j), \; \hat\mu = \sum_i \gamma_i \tilde h_i, \; E = (t - \hat\mu)^2"
    )
    document = derive(Statement.from_latex(text, "input x[3]\ntarget t\nparameter W1[4, 3], gamma[4]")).latex()
    for sign in (r"\tilde{h}_{i}", r"\hat{\mu}", r"\gamma_{i}", r"\layi{1}{W}{ij}"):
        assert sign in document


def test_greek_letters_have_two_names():
    for name in ("gamma", "γ"):
        assert f"parameter {name}" in str(
            Statement.from_latex(r"E = (\gamma x + γ - y)^2", f"input x\ntarget y\nparameter {name}")
        )
    assert len(GREEK) == 24 + 11


# ------------------------------------------------------------ what is refused

HEAD = "size n = 3, q = 3 from 0\ninput x[n]\ntarget y[n]\nparameter W[n, n], b[n], u[q], c, w, w_2, v2, v_2"
REFUSED = [
    (r"z_i = f(b_i)", 7, "is f(...) a product or a function? Declare f, or state the function, such as f(x) = "),
    (r"z_i = \sum_j W_{ij} x_k", 23, "k is an index neither on the left nor below a sum: write \\sum_k"),
    (
        r"z_i = W \odot b",
        15,
        r"a matrix and a column have no product of this kind: write u^\top v for a number, u \odot",
    ),
    (
        r"z_i = b b",
        9,
        r"a column and a column have no product of this kind: write u^\top v for a number, u \odot v entry",
    ),
    (r"z_i = (W + b)_i", 12, "a column is added to a matrix: write the entries, with their indices"),
    (r"z_i = b^\top u", 14, "b has the size n where u has the size q: they do not go together here"),
    (r"z_i = b_i^\top", 11, "a transpose belongs to a vector or a matrix, and this is a number"),
    (r"z_i = b^2", 7, r"a power of a vector or a matrix may mean two things: write x \odot x, or x_i^2"),
    (r"z_i = |b|", 7, r"bars around a vector may mean two things: write \lVert x \rVert, or |x_i|"),
    (r"z_i = \lVert b \rVert_4", 7, r"this norm is not read: there are \lVert x \rVert, with 1, 2 or F below"),
    (r"z_i = \langle b, c \rangle", 7, r"an inner product is that of two vectors: write \sum_j u_j v_j"),
    (r"z_i = W", 1, "the right side is a matrix, and the left side has indices: write those of both"),
    (r"z = b^\top", 1, "the right side is a row: transpose both sides"),
    (r"z_i = \frac{\partial}{\partial c}", 7, "nothing stands after the derivative"),
    (r"z_i = \frac{\partial b_i c}{\partial c}", 7, "a derivative is that of one symbol, such as "),
    (r"z_i = \begin{pmatrix} 1 \end{pmatrix}", 7, r"\begin{pmatrix} belongs to matrices and vectors, which are not"),
    (r"z_i = \begin{tikz} 1 \end{tikz}", 7, "the environment tikz is not known: there are align, alignat, aligned"),
    (r"z_i = \sigmma(b_i)", 7, r"\sigmma is no known command: did you mean \sigma?"),
    (r"z_i = \foo(b_i)", 7, r"\foo is no known command: write a function as \operatorname{foo}(z_i)"),
    (r"z_i = \operatorname{foo}(b_i)", 21, "foo is no known function: state it, such as foo(x) = x^2, or declare it"),
    (r"z_i = b_i \let c", 11, r"\let is not carried out: write in the equations what it stands"),
    (r"z_i = \frac{\partial E}{\partial b_i}", 7, r"\partial is part of a derivative: state the forward equations"),
    (r"z_i \leftarrow b_i", 5, r"\leftarrow is no equals sign: state the forward equations only, such as z_i = b_i"),
    (
        r"z_i^{(l)} = b_i",
        1,
        "the layer l is no number: state the equations of each layer, with its number, such as a_j^",
    ),
    (
        r"z_i = b_i^{(k)}",
        7,
        "k is neither the number of a layer, such as b^{(1)}, nor an index that stands on the left",
    ),
    (r"z_i = b_i + w^2", 13, "this may be w_2 or a power of w: write w^{(2)}, or (w)^2"),
    (r"z_i = b_i + v^{(2)}", 13, "this may be v2 or v_2, which are both declared: rename one of them"),
    (r"z_i = b_i^12", 11, "only the first digit of 12 belongs here in LaTeX: write {12}"),
    (r"z_i = 1e-5 b_i", 7, "1e is a product here: write a power of ten, such as 10^{-5}"),
    (r"z_i = b_i / c x_i", 15, r"what is divided by here? Write \frac{a}{b}, or brackets"),
    (r"z_i = \log b_i c", 16, "does log apply to this, too? Put its argument in brackets"),
    (r"z_i = \sin^{-1}(b_i)", 13, r"an inverse function is written by its name, such as \arctan"),
    (r"z_i = \log_2(b_i)", 7, "the index of log has no meaning: write another base by a quotient"),
    (r"z_i = x_1 + \cdots + x_n", 13, r"dots leave something out: write a sum with \sum"),
    (r"z_i = \sum_{j=2}^n x_j b_i", 13, "a sum begins at 1, or at 0: shift the index, such as x_{j+1}"),
    (r"z_i = \sum_{j=1} x_j b_i", 7, r"the upper limit of j is missing, such as \sum_{j=1}^{n}"),
    (r"z_i = \sum b_i", 7, "sum needs what it runs over, such as \\sum_j"),
    (r"z_i = \begin{cases} b_i & b_i > 0 \\ 0 & b_i < 0 \end{cases}", 38, "the last case has no condition"),
    (r"z_i = \begin{cases} b_i & b_i = 0 \\ 0 & \text{else} \end{cases}", 31, "an equals sign is no condition for"),
    (
        r"z_i = b_i \text{ if } b_i > 0",
        18,
        r"the text if stands within a formula: cases are written with \begin{cases}",
    ),
    (r"z_i = (b_i", 7, "the bracket ( is not closed"),
    (r"z_i = [b_i)", 11, "the bracket ) closes a [ in line 1, column 7"),
    (r"z_i = b_i +", 11, "the formula ends here, where a symbol or a number is expected"),
    (r"z_i = b_i^-1", 11, "- stands where a symbol or a number is expected: put a longer index or exponent in braces"),
    (r"z_i = b_i ? c", 11, "the character ? has no place in a formula"),
    (
        r"z_i = é b_i",
        7,
        "the character latin small letter e with acute has no place in a formula: write a command for it",
    ),
    (r"z_i = b_i \\ z_i = x_i", 14, "z is stated twice: number its layers, as z^{(1)} and z^{(2)}, or choose another"),
    (r"z_i = \langle b_i", 7, r"the bracket \langle is not closed"),
    (r"z_i = \sum_{(i,j) \in M} b_i", 19, r"\in has no meaning here: a sum runs over indices, such as \sum_{i,j}"),
    (
        r"z_i = z_i + b_i",
        1,
        "the equation of z reads z itself: state each step as a symbol of its own, such as z^{(1)}",
    ),
    (r"z_i = tanh(b_i)", 7, r"tanh is a product of letters here: write the function as \operatorname{tanh}"),
    (r"z_i = [b_i > 0]", 8, r"a condition stands where a number is expected: write \begin{cases}"),
    (
        r"z_i = x_{2i}",
        1,
        r"nothing says what the index i runs over: write its range after the equation, i = 1, \dots, n",
    ),
    (
        r"z_i = \sum_j x_{2j} b_i",
        12,
        r"nothing says what the index j runs over: write its limits, such as \sum_{j=1}^{n}",
    ),
    (
        r"z_{ie} = b_i",
        1,
        r"nothing says what the index e runs over: the right side does not read it; a name of several",
    ),
    (r"z_i = f'(b_i)", 7, "this is a derivative: state the forward equations only"),
    (r"z_i = 1 / \tanh(c) b_i", 20, r"what is divided by here? Write \frac{a}{b}, or brackets"),
    (r"z_i = 1 / c (1 + b_i)", 13, r"what is divided by here? Write \frac{a}{b}, or brackets"),
    (r"z_i = \sum_{j=1}^{q} b_i", 19, "q is declared with entries that do not begin at 1"),
    (r"z_i = \widehat{b_i + c}", 7, r"\hat stands over a symbol, such as \hat y"),
    (r"2 z_i = b_i", 1, "the left side of an equation is a symbol with its indices, such as z_i"),
    (r"z_{i+1} = b_i", 4, "an index on the left is a letter, which stands for every entry, such as z_i"),
    (r"(z_i = b_i)", 1, "this is no equation, such as z_i = b_i"),
    (r"z_i + b_i", 1, "this is no equation, such as z_i = b_i"),
]


@pytest.mark.parametrize(("line", "column", "said"), REFUSED)
def test_what_is_refused(line, column, said):
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(f"{line}\\\\\nE = \\sum_i (y_i - z_i)^2", HEAD)
    first, shown, caret, *rest = str(refused.value).split("\n")
    assert first.startswith(f"line 1, column {column}: {said}")
    assert shown == f"    {line}\\\\" and caret == " " * (3 + column) + "^"
    assert not rest or line in ("z_i + b_i", "(z_i = b_i)")  # which may state anything


def test_errors_are_reported_together_each_once():
    rows = ("z_i &= \\foo b_i", "a_i &= z_i + q_i", "e_i &= [a_i)", "E &= \\sum_i (y_i - e_i)^2")
    text = "\\begin{align}\n" + "\\\\\n".join(rows) + "\n\\end{align}"
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(text, "size n = 3\ntarget y[n]\nparameter b[n], c[k]")
    said = [line for line in str(refused.value).split("\n") if not line.startswith("    ")]
    assert [line.partition(": ")[0] for line in said] == [
        "line 2, column 8",
        "line 3, column 14",
        "line 4, column 12",
        "declarations, line 3, column 19",
    ]


def test_undeclared_names_are_listed_with_the_lines_to_add():
    text = r"""
        z_i = \sum_{j=1}^{n} W_{ij} x_j + b_i, \quad a_i = \tanh(z_i) \\
        \hat y_k = \sum_{i} V_{ki} a_i \\
        E = \frac{1}{2} \sum_k (y_k - \hat y_k)^2 + \lambda \sum_{k,i} V_{ki}^2
    """
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(text)
    assert str(refused.value).split("\n")[:6] == [
        "line 2, column 27: the size n, W (2 indices), x (1 index), b (1 index), V (2 indices), y (1 index) and lambda "
        "are not declared: add what is meant, such as the lines",
        "    % size n, h, p",
        "    % input x[n]",
        "    % target y[p]",
        "    % parameter W[h, n], b[h], V[p, h]",
        "    % constant lambda = 0.1",
    ]
    derive(Statement.from_latex(text, proposed(text))).check().require()


RECURRENT = """
    size T, n = 2, d = 3
    input x[T, n]
    target y[T, d]
    recurrent h[T, d]
    parameter W[d, n], U[d, d], b[d], g[d]
"""
STEP = r"\mathbf{h}_t = \tanh(\mathbf{W} \mathbf{x}_t + \mathbf{U} \mathbf{h}_{t-1} + \mathbf{b})"
LOSS = r"E = \sum_t \lVert y_t - h_t \rVert^2 + \lVert g \rVert^2"


@pytest.mark.parametrize(
    ("begins", "line"),
    [
        (r"\mathbf{h}_0 = \tanh(U g)", "h[0, i] = tanh(sum(U[i, j] * g[j], j))"),
        ("h_0 = g", "h[0, i] = g[i]"),
        ("h_{0,i} = g_i", "h[0, i] = g[i]"),
        ("h_{0i} = g_i", "h[0, i] = g[i]"),
        ("h_0 = 1", "h[0, i] = 1"),
        (r"h_{0i} = 0, \quad i = 1, \dots, d", ""),
        (r"h_0 = c, \quad c = U g", "c[i] = sum(U[i, j] * g[j], j)\nh[0, i] = c[i]"),
    ],
)
def test_a_recurrence_begins_with_what_is_stated_wherever_it_stands(begins, line):
    step = "h[t, i] = tanh(sum(W[i, j] * x[t, j], j) + sum(U[i, j] * h[t - 1, j], j) + b[i])"
    error = "E = sum(sum((y[t, i] - h[t, i])**2, i), t) + sqrt(sum(g[i]**2, i))**2"
    same = Statement("\n".join((RECURRENT, line, step, error)))
    for text in ((begins, STEP, LOSS), (STEP, LOSS, begins)):
        assert_same(Statement.from_latex(r" \\ ".join(text), RECURRENT), same)


def test_a_beginning_of_each_sample():
    head = "samples N\nindex n in N\nsize T\ninput x[T, 2], g[2]\ntarget y[2]\nparameter u[2]\nrecurrent s[T, 2]"
    rows = (r"s_{t,i,n} = \tanh(x_{t,i,n} + s_{t-1,i,n} u_i)", "s_{0,i,n} = g_{in}")
    error = r"E = \sum_{n=1}^N \sum_i (y_{in} - s_{T,i,n})^2"
    equations = Statement.from_latex(r" \\ ".join((*rows, error)), head).forward_pass().equations
    assert "KroneckerDelta(1, t)*g[i, n]" in str(equations[0].expression)


def test_a_beginning_is_read_and_one_at_the_end_is_stated():
    head = RECURRENT.replace("h[T, d]", "h[T, d], r[T, d]")
    text = (r"h_{T+1} = g", r"h_t = \tanh(W x_t + U h_{t+1} + c)", r"c = U r_0", r"r_t = \tanh(b + r_{t-1} - h_t)")
    more = (r"r_0 = b", r"E = \sum_t \lVert y_t - r_t \rVert^2 + \sum_i r_{0i}^2")
    equations = Statement.from_latex(r" \\ ".join((*text, *more)), head).forward_pass().equations
    written = {e.target.name: str(e.expression) for e in equations}
    assert written["c"] == "Sum(U[i, j]*b[j], (j, 1, 3))" and "b[i]**2" in written["E"]
    assert "KroneckerDelta(t, T)*g[j]" in written["h"] and "KroneckerDelta(1, t)*b[i]" in written["r"]


def test_an_index_above_is_that_of_the_steps():
    head = RECURRENT.replace("[T, n]", "[n, T]").replace("[T, d]", "[d, T]")
    step = r"h^{(t)}_i = \tanh(\sum_j W_{ij} x^{(t)}_j + \sum_r U_{ir} h^{(t-1)}_r + b_i)"
    text = rf"{step} \\ h^{{(0)}}_i = g_i \\ E = \sum_{{t,i}} (y^{{(t)}}_i - h^{{(t)}}_i)^2"
    assert "KroneckerDelta(1, t)*g[r]" in str(Statement.from_latex(text, head).forward_pass().equations[0].expression)
    with pytest.raises(StatementError, match=r"x\[T, n\] has another axis there: declare x\[n, T\], or write"):
        Statement.from_latex(text, RECURRENT)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("h_1 = g", STEP), "column 1: what h begins with is stated at 1, which is a place of h"),
        (("h_0 = g", "h_0 = b", STEP), "column 12: it is stated twice what h begins with at 0"),
        (("h_0 = U", STEP), "column 1: h begins with an array that has 2 more axes than are written, and there are 1"),
        (
            ("h_{t+1} = W x_t + U h_t",),
            "column 4: an index on the left is a letter, which stands for every entry, such as z_i: write h_t for "
            "h_{t+1}, and h_{t-1} for h_t",
        ),
        (
            ("% h[0, i] = g[i]\n", STEP),
            "column 4: an equation of h stands in a comment: write it in LaTeX, such as h_0",
        ),
        (("h_t = W [x_t, b]",), "column 13: a comma has no meaning in these brackets"),
    ],
)
def test_wrong_recurrences_are_refused_in_one_sentence(rows, said):
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(r" \\ ".join((*rows, "o_t = U h_t", LOSS.replace("h_t", "o_t"))), RECURRENT)
    assert str(refused.value).startswith(f"line 1, {said}") and str(refused.value).rstrip().count("\n") == 2


@pytest.mark.parametrize(
    "step",
    [
        STEP,
        r"z_t = W x_t + U h_{t-1} + b \\ h_t = \tanh(z_t)",
        r"h_{ti} = x_{t1} b_i + \sum_j W_{i1} h_{t-1,j} U_{ij}",
        rf"{STEP} \\ h_{{0,i}} = 0",
    ],
)
def test_a_recurrent_tensor_that_is_not_declared_is_among_the_lines_to_add(step):
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(rf"{step} \\ {LOSS}", RECURRENT.replace("recurrent h[T, d]", ""))
    sentence, line, *rest = str(refused.value).split("\n")
    assert "h (2 indices) is not declared: add what is meant" in sentence and line == "    % recurrent h[T, d]"
    assert len(rest) == 2


def test_comments_are_declarations_or_prose():
    text = "% output layer\n% input of the network: a number\n%input x\n  % target y\n% use the rule\n% parameter w\n"
    said = repr(Statement.from_latex(text + "E = (w x - y)^2 % the error"))
    assert said == "<Statement network: inputs x and y, parameter w, equation of E>"
    with pytest.raises(StatementError, match="declarations, line 1, column 1: only declarations stand here"):
        Statement.from_latex("E = (x - y)^2", "z = 3\ninput x\ntarget y")


def test_what_is_predicted_is_declared_before_it_is_stated():
    text = "% output h\n h_i = w_i x, E = \\sum_i (h_i - y_i)^2"
    forward = Statement.from_latex(text, "input x\ntarget y[2]\nparameter w[2]").forward_pass()
    assert forward.outputs == ("h",)


def test_options_are_those_of_a_statement():
    statement = Statement.from_latex("E = (w x - y)^2", "input x\ntarget y\nparameter w\noption l2 = 0.1", name="line")
    assert (statement.learning.name, float(statement.learning.l2)) == ("line", 0.1)


HOSTILE = {
    "long": "x" * 200_000,
    "signs": "x+" * 49_000,
    "braces": "{" * 99_000,
    "fractions": r"z = \frac{" * 9_000,
    "roots": "z = " + r"\sqrt" * 700 + " x",
    "functions": "z = " + r"\tanh" * 700 + " x",
    "sums": "z = " + r"\sum_i" * 600 + " x_i",
    "accents": "z = " + r"\hat" * 900 + " x",
    "scripts": "z = " + "x_" * 1_900 + "x",
    "primes": "z = x" + "'" * 3_900,
    "lefts": r"\left\{" * 9_000,
    "bars": "z = " + "|" * 3_900 + "x",
    "signs before": "z = " + "-" * 3_900 + "x",
    "digits": "z = " + "9" * 3_900,
    "towers": "z = 9^{9^{9^{9^{9^{9}}}}}",
    "dollars": "$" * 60_000,
    "displays": r"\[ z" * 15_000,
    "environments": r"\begin{align}" * 7_000,
    "macros": r"\layi" * 15_000,
    "rows": r"z=x\\ " * 9_000,
    "texts": r"\text{" * 15_000,
    "left indices": "z_{" + "ij" * 1_900 + "} = 1",
    "names": "z = " + "".join(chr(945 + n % 17) + "_{" + "ab" * (n % 9) + "}" for n in range(600)),
    "nested macros": "z = " + r"\lay{1}{" * 7_000 + "x" + "}" * 7_000,
    "a long text": r"z = \text{" + "a-" * 40_000 + "}",
    "unknown": r" \\ ".join("z = " + " ".join(f"x^{{({n})}}" for n in range(m, m + 300)) for m in range(0, 9_000, 300)),
    "nul": "z = \0 x",
    "products": "% input x[3]\nz = " + r"x \odot " * 900 + "x",
    "matrices": "% parameter W[3, 3]\nz = " + "W " * 1_800 + "W",
    "derivatives": "% input x\nz = u_{" + "x" * 1_900 + r"} \\ u = \frac{\partial z}{" + r"\partial x" * 700 + "}",
    "macros of its own": r"\def\a{\a\a} \[ z = \a \]",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.sampled(2)
def test_hostile_texts_are_refused_at_once(name):
    Statement.from_latex("E = (w x - y)^2", "input x\ntarget y\nparameter w")  # loads what is needed
    begun = time.process_time()
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(HOSTILE[name])
    assert time.process_time() - begun < 5, "not in the time of the length"  # 0.1 s alone, more in a busy process
    assert len(str(refused.value)) < 20_000


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_text_is_read_or_refused(data):
    pieces = [
        "z_i",
        "=",
        "b_i",
        r"\sum_j",
        "W_{ij}",
        "x_j",
        "(",
        ")",
        "{",
        "}",
        "^",
        "_",
        "&",
        r"\\",
        r"\frac",
        "2",
        "|",
    ]
    pieces += [
        r"\hat",
        "y",
        r"\begin{cases}",
        r"\end{cases}",
        r"\text{if}",
        "E",
        "+",
        "-",
        ",",
        r"\left",
        r"\max",
        "$",
        "%",
    ]
    pieces += [r"\sigma", "'", r"\sqrt", "[", "]", "n", "\n", "e", "{}^{(1)}", r"\quad", r"\tanh", ".", r"\layi", r"\["]
    text = " ".join(data.draw(st.lists(st.sampled_from(pieces), max_size=30)))
    try:
        Statement.from_latex(text, HEAD)
    except StatementError as error:
        assert str(error).startswith(("line", "declarations, line"))


def test_a_condition_on_the_left_is_what_the_left_side_depends_on():
    text = r"p(y \mid x) = \sigma(\sum_j w_j x_j), \quad L(w \mid x) = -y \log p - (1 - y) \log(1 - p)"
    equations = Statement.from_latex(text, "input x[3]\ntarget y\nparameter w[3]").forward_pass().equations
    assert [e.target.name for e in equations] == ["p", "L"]
