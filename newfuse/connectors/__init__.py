"""The vendors: one file each, or one package where a vendor outgrows a file. Found by walking this package."""
