pub struct Finding;
