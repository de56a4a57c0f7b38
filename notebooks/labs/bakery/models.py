"""What the site knows of an order."""

from django.db import models


class Order(models.Model):
    cake = models.CharField(max_length=50, unique=True)

    def __str__(self):
        return self.cake
