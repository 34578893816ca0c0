# The recipes for pipelines in packaging/ci, held to the formats that they are written in.

.PHONY: recipes
recipes: ## check the recipes for pipelines: GitLab's and GitHub's schemas (from PyPI), Groovy (from Debian), the shell
	$(call need,python3,apt-get install python3 python3-venv)
	$(call need,java,apt-get install default-jre-headless)
	$(call need,apt-get,this is a tool for Debian and what descends from it)
	@crates/ctl/tests/recipes/check.sh '$(TARGET_DIR)'
