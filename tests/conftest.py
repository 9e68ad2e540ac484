"One thread for all tests: the same numbers however many workers share the cores"
import torch
torch.set_num_threads(1)
