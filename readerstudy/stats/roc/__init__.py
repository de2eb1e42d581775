"""ROC and precision-recall curves and their areas. Higher scores are more suspicious; never flipped."""
