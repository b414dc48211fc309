"""Export of PyTorch modules, and weights that keep values around 1."""

import io

import torch
import torch.nn.functional as F
from torch import nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *values):
        return self.function(*values)


def settle(model, dims, seed=0, between=(0.0, 1.0)):
    """Weights as He has them, and batch norms with the statistics that noise has there, somewhat beside
    them. The noise is uniform, `between` two values."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.2)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.05, 0.4)
        if isinstance(module, NORMS):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.momentum = None
            module.reset_running_stats()
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    model.eval()
    if norms:
        [norm.train() for norm in norms]
        with torch.no_grad():
            for _ in range(2):
                many = dims if dims[0] > 1 else (8, *dims[1:])
                model(torch.rand(many) * (between[1] - between[0]) + between[0])
        model.eval()
        for norm in norms:
            spread = norm.running_var.sqrt()
            norm.running_mean += 0.2 * spread * torch.randn_like(spread)
            norm.running_var *= torch.empty_like(spread).uniform_(0.6, 1.6)
    return model


def export(model, dims, dynamo, opset=None, element=torch.float32, dynamic=False, names=None, training=False):
    """Bytes of the ONNX file, weights inside."""
    image = torch.rand(dims) if element == torch.float32 else torch.randint(0, 100, dims, dtype=element)
    more = {} if opset is None else {"opset_version": opset}
    if names:
        more["output_names"] = names
    if dynamo:
        if dynamic:
            more["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
        program = torch.onnx.export(model, (image,), dynamo=True, input_names=["image"], verbose=False, **more)
        return program.model_proto.SerializeToString()
    file = io.BytesIO()
    if dynamic:
        more["dynamic_axes"] = {"image": {0: "batch"}}
    if training:
        more["training"] = torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(model, (image,), file, dynamo=False, input_names=["image"], **more)
    return file.getvalue()


def conv(inputs, outputs, kernel=3, stride=1, padding=None, groups=1, bias=True, dilation=1):
    if padding is None:
        padding = kernel // 2 if isinstance(kernel, int) else tuple(side // 2 for side in kernel)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias)


def unit(inputs, outputs, kernel=3, stride=1, padding=None, groups=1, act=nn.ReLU):
    """Convolution, batch norm, activation."""
    parts = [conv(inputs, outputs, kernel, stride, padding, groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*parts, *([act()] if act else []))


def head(channels, classes=10):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


__all__ = ["Apply", "F", "conv", "export", "head", "nn", "settle", "torch", "unit"]
