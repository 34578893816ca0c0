// Reads a declarative Jenkinsfile as Groovy and refuses every word that Jenkins does not know at its place; writes the
// text of each shell step, as the shell would get it, into a folder.
//
//   groovy declarative.groovy JENKINSFILE FOLDER
import groovy.transform.Field

@Field File folder = new File(args[1])
@Field int steps = 0
@Field env = [WORKSPACE: '/workspace', PATH: '/usr/bin']

// What may stand in which block: a name leads to the words of its own block, or to null where it takes none.
@Field Map stepWords = [
    sh: null, echo: null, archiveArtifacts: null, error: null, credentials: null, script: null,
]
@Field Map conditions = [expression: null, environment: null, branch: null, tag: null, beforeInput: null]
@Field Map stageWords
@Field Map pipelineWords

def words() {
    conditions.not = conditions
    conditions.allOf = conditions
    conditions.anyOf = conditions
    stageWords = [
        agent: [label: null], environment: null, options: [timeout: null, retry: null], when: conditions, steps: stepWords,
        input: [message: null, ok: null, submitter: null], post: null,
    ]
    def posts = [always: stepWords, success: stepWords, failure: stepWords, aborted: stepWords, unstable: stepWords]
    stageWords.post = posts
    pipelineWords = [
        agent: [label: null], options: [disableConcurrentBuilds: null, timeout: null, buildDiscarder: null],
        parameters: [string: null, booleanParam: null, choice: null], environment: null,
        stages: [stage: stageWords], post: posts, triggers: [cron: null, pollSCM: null], tools: null,
    ]
}

class Block {
    def reader
    String path
    Map known
    List seen = []

    def invokeMethod(String name, Object arguments) {
        if (!known.containsKey(name)) {
            throw new IllegalArgumentException("$path: Jenkins knows no '$name' here")
        }
        seen << name
        def given = arguments as List
        def inner = given && given.last() instanceof Closure ? given.last() : null
        def title = given && given.first() instanceof CharSequence ? "$name('${given.first()}')" : name
        if (name == 'sh') {
            reader.shell(path, given.first() as String)
        } else if (inner != null && known[name] != null) {
            reader.read(inner, "$path > $title", known[name])
        }
        return null
    }

    // `agent any`, and what `expression` and `environment` ask for.
    def getProperty(String name) {
        switch (name) {
            case ['reader', 'path', 'known', 'seen']: return this.@"$name"
            case 'any': case 'none': return name
            case 'env': return reader.env
            case 'params': return [:]
        }
        throw new IllegalArgumentException("$path: nothing here is called '$name'")
    }
}

def shell(String path, String text) {
    steps += 1
    new File(folder, String.format('%02d.sh', steps)).text = "# $path\n$text"
}

def read(Closure body, String path, Map known) {
    def block = new Block(reader: this, path: path, known: known)
    body.delegate = block
    body.resolveStrategy = Closure.DELEGATE_ONLY
    body()
    if (block.seen.isEmpty()) {
        throw new IllegalArgumentException("$path: is empty")
    }
    return block.seen
}

words()
def reader = this
def pipeline = { Closure body ->
    def seen = reader.read(body, 'pipeline', reader.pipelineWords)
    ['agent', 'stages'].each { if (!seen.contains(it)) { throw new IllegalArgumentException("pipeline: has no '$it'") } }
}
new GroovyShell(new Binding(pipeline: pipeline)).evaluate(new File(args[0]))
println "$steps shell steps"
